// A GAN of one's own: what its training shows, how good it is, whether it copies, and the way on to breeding.
(() => {
  const { h, fill, tell, say } = Duet;
  const LOG4 = -Math.log(4);

  const charts = text => [
    { title: text.gan_chart_losses, reads: text.gan_chart_losses_read, lines: [{ name: 'generator', label: text.gan_line_generator }, { name: 'discriminator', label: text.gan_line_discriminator }] },
    { title: text.gan_chart_verdicts, reads: text.gan_chart_verdicts_read, lines: [{ name: 'real', label: text.gan_line_real }, { name: 'fake', label: text.gan_line_fake }], range: [0, 1], mark: { at: 0.5, label: text.gan_mark_half } },
    { title: text.gan_chart_value, reads: text.gan_chart_value_read, lines: [{ name: 'value', label: text.gan_line_value }], mark: { at: LOG4, label: text.gan_mark_log4 } },
  ];

  // "min_G max_D V(D, G)" with what follows an underscore set low.
  function formula(told) {
    return h('code.formula', {}, told.split(/_(\w)/).map((part, at) => (at % 2 ? h('sub', {}, part) : part)));
  }

  function about(spec, at, facts, text) { // what the two play for, as a formula
    const game = spec.name === 'loss' && facts?.games?.[at];
    return game && h('small.game', {}, formula(game.formula), ' ', fill(text.gan_formula_from, { source: game.source }));
  }

  function results(text, told, pair) {
    const found = told.quality, figure = (name, digits) => h('div', {}, h('dt', {}, text[`gan_${name}`], ' ', h('b', {}, found[name].toFixed(digits))), h('dd', {}, text[`gan_${name}_read`]));
    return [
      found.made > 0 && h('div.quality', {}, h('h3', {}, text.gan_quality),
        h('dl', {}, figure('precision', 2), figure('recall', 2), figure('frechet', 3), figure('kernel', 4)), h('p.small', {}, fill(text.gan_measured, found))),
      told.near.length > 0 && h('div.pairs', {}, h('h3', {}, text.gan_pairs), h('p.small', {}, fill(text.gan_pairs_read, { count: Math.min(36, found.made) })),
        h('ul', {}, told.near.map((far, at) => h('li', {}, h('img', { src: pair(at), alt: fill(text.gan_pair, { number: at + 1, distance: far.toFixed(2) }) }), h('small', {}, far.toFixed(2)))))),
    ];
  }

  function use(each) { // on to image mode, where pictures are bred with it
    const ref = `sha256:${each.sha}`, size = each.about.size || 64;
    if (Duet.easel.breed) { Duet.easel.breed(ref, size); return; }
    if (Duet.mode() !== 'image') Duet.turn('image', null, true);
    say('');
    Duet.lookAt(null);
    Duet.pending(true);
    tell('brief', 'again', { brief: { mode: 'image', engine: 'gan', styles: { [ref]: 1 }, size, seed: Math.floor(Math.random() * 2 ** 31) } }).then(() => Duet.pending(false));
  }

  Duet.gan = Duet.trainer({
    kind: 'gan', mode: 'image', suffix: '.gan.safetensors', opens: 'gan', samples: 36,
    mine: each => each.what === 'gan', look: (each, address) => !each.about.bare && address(each.sha, 160),
    words: text => ({ title: text.gan_title, hint: text.gan_hint, offer: text.gan_offer, mine: text.gan_mine, none: text.gan_none, bring: text.gan_bring, use: text.gan_breed }),
    enough: laid => laid.groups.some(each => each.count > 0),
    pictures: (text, laid, basket) => [h('h3', {}, text.gan_pictures), basket.thumbs(text, laid.groups[0], text.gan_pictures)],
    charts, about, results, use,
  });
})();
