// Hands of one's own: a translator learns from groups of pictures, each drawn in another way, to draw a picture of one as the others would.
(() => {
  const { h, fill } = Duet;
  const MOST = 8, COLUMNS = 8; // hands that one translator may have, and pictures that they are watched by

  const charts = text => [
    { title: text.gan_chart_losses, reads: text.hands_chart_losses_read, lines: [{ name: 'adversarial', label: text.gan_line_generator }, { name: 'judge', label: text.gan_line_discriminator }] },
    { title: text.gan_chart_verdicts, reads: text.hands_chart_verdicts_read, lines: [{ name: 'real', label: text.hands_line_real }, { name: 'drawn', label: text.hands_line_drawn }], mark: { at: 0, label: text.hands_mark } },
    { title: text.hands_chart_kept, reads: text.hands_chart_kept_read, lines: [{ name: 'cycle', label: text.hands_line_cycle }, { name: 'style', label: text.hands_line_style }, { name: 'diversity', label: text.hands_line_diversity }] },
  ];

  const reads = (text, told) => told.hands && fill(text.hands_samples_read, { hands: told.hands.join(text.hands_and) });

  function pictures(text, laid, basket) { // a group of pictures a hand, and room for one more
    const next = `${text.hands_hand} ${laid.groups.length + 1}`;
    return [...laid.groups, ...(laid.groups.length < MOST ? [{ name: next, count: 0, some: [] }] : [])].map((group, at) => h('div.hand', { data: { key: `hand-${at}` } },
      group.count ? h('input', { type: 'text', dir: 'auto', maxlength: 40, value: group.name, 'aria-label': fill(text.hands_name, { number: at + 1 }), title: fill(text.hands_name, { number: at + 1 }), data: { change: 'renameHand', group: group.name } }) : h('h3', {}, at < 2 ? fill(text.hands_next, { number: at + 1 }) : text.hands_more),
      basket.thumbs(text, group, group.name)));
  }

  Duet.hands = Duet.trainer({
    kind: 'hands', mode: 'style', suffix: '.translator.safetensors', opens: 'hands', samples: COLUMNS, reads, aspect: told => (told.hands ? COLUMNS / (told.hands.length + 1) : 1), grouped: true,
    mine: each => each.what === 'hand', look: each => Duet.hands.look(each), cut: each => Duet.hands.cut(each),
    words: text => ({ title: text.hands_title, hint: text.hands_hint, offer: text.hands_offer, mine: text.hands_mine, none: text.hands_none, bring: text.hands_bring, use: text.hands_use }),
    enough: laid => laid.groups.length > 1, few: (text, laid) => (laid.groups.length === 1 ? text.hands_few : ''), pictures, charts,
    waits: (text, told) => (told.curve.judge && !told.curve.drawn ? text.hands_alone : text.gan_empty_chart),
    on: ({ act }) => ({ renameHand(input) { const to = input.value.trim(); if (to) act('rename', { group: input.dataset.group, to }); else input.value = input.defaultValue; } }),
    use: each => Duet.styleForm.chooseHand(`sha256:${each.sha}`),
  });
  // The file of a hand brings its picture. One that was written before has none: the last samples of its training show it, if they are known, of
  // which a tile takes one that another hand drew first.
  const sha = each => (each.sha || each.ref).replace('sha256:', '');
  Duet.hands.cut = ({ about }) => (about.bare && about.row ? { width: `${100 * COLUMNS}%`, height: 'auto', 'max-width': 'none', transform: `translate(${-100 * (about.row % (about.rows - 1)) / COLUMNS}%, ${-100 * about.row / about.rows}%)` } : {});
  Duet.hands.look = each => (!each.about.bare ? `duet/${Duet.value('brief').session}/${sha(each)}?side=160`
    : each.record && each.about.look >= 0 ? `duet/${Duet.value('brief').session}/record/${sha(each)}/${each.about.look}.jpg` : null);
})();
