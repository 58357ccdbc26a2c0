// A painter of one's own: ours goes on with pairs of the artist's, a picture each with its words and the lines it was painted under.
(() => {
  const { h, fill, icon } = Duet;
  const NONE = { count: 0, worded: 0, sketched: 0, fewest: Infinity, some: [] }; // until the studio told what there is

  const charts = text => [
    { title: text.pairs_chart_held, reads: text.pairs_chart_held_read, lines: [{ name: 'held_out', label: text.pairs_line_held }] },
    { title: text.gan_chart_losses, reads: text.pairs_chart_losses_read, log: true, lines: [{ name: 'looks', label: text.pairs_line_looks }, { name: 'copying', label: text.pairs_line_copying }] },
    { title: text.gan_chart_verdicts, reads: text.pairs_chart_verdicts_read, lines: [{ name: 'real', label: text.hands_line_real }, { name: 'fake', label: text.pairs_line_fake }], mark: { at: 0, label: text.hands_mark } },
  ];

  function pictures(text, laid, basket) { // each with its lines, so that a mistake shows before anything is learned from it
    const { some, count } = laid.pairs || NONE;
    return [h('h3', {}, text.pairs_pairs),
      h('div.pictures.pairs-laid', { class: count ? '' : 'empty', role: 'group', 'aria-label': text.pairs_pairs, data: { dragover: 'over', drop: 'dropped', group: 'pictures' } },
        h('label.add', { title: text.pairs_add }, icon('plus'), !count && h('span', {}, text.pairs_drop),
          h('input', { type: 'file', multiple: true, accept: 'image/*,.zip,.csv', 'aria-label': text.pairs_add, data: { change: 'add', group: 'pictures' } })),
        some.map(pair => h('button.pair', { type: 'button', title: `${pair.name} – ${text.gan_remove}`, 'aria-label': `${text.gan_remove}: ${pair.words || pair.name}`, data: { click: 'takeOut', name: pair.key, group: 'pictures', key: `pair-${pair.key}` } },
          h('span.two', {}, h('img', { src: `${basket.place(`picture/lines/${pair.key}`)}?of=${pair.lines}-${pair.at}`, alt: pair.sketch ? text.pairs_sketch : text.pairs_found, loading: 'lazy' }),
            h('img', { src: `${basket.place(`picture/pictures/${pair.key}`)}?of=${pair.at}`, alt: '', loading: 'lazy' })),
          h('span.said', { dir: 'auto', class: pair.words ? '' : 'none' }, pair.words || text.pairs_wordless),
          h('small', {}, pair.sketch ? text.pairs_sketch : text.pairs_found))),
        count > some.length && h('span.rest', {}, fill(text.gan_more_pictures, { count: count - some.length })))];
  }

  function counted(text, laid) {
    const { count, worded, sketched, fewest } = laid.pairs || NONE;
    return count ? `${fill(text.pairs_count, { count, worded, sketched })} ${count < fewest ? fill(text.pairs_fewest, { fewest }) : ''}` : '';
  }

  function results(text, told, row) { // what became of the pairs that were held out
    const { before, after, count } = told.quality;
    const figure = (name, reads) => h('div', {}, h('dt', {}, text[`pairs_${name}`], ' ', h('span', {}, before[name].toFixed(3)), ' → ', h('b', {}, after[name].toFixed(3))), h('dd', {}, reads));
    return [
      h('div.quality', {}, h('h3', {}, fill(text.pairs_judged, { count })),
        h('dl', {}, figure('l1', text.pairs_l1_read), figure('perceptual', text.pairs_perceptual_read), figure('edges_f1', text.pairs_edges_f1_read))),
      h('div.rows', {}, h('p.small', {}, text.pairs_columns),
        h('ul', {}, told.said.map((said, at) => h('li', {}, h('img', { src: row(at), alt: `${said}: ${text.pairs_columns}`, loading: 'lazy' }), h('small', { dir: 'auto' }, said || text.pairs_wordless))))),
    ];
  }

  Duet.painters = Duet.trainer({
    kind: 'painter', mode: 'image', suffix: '.painter.safetensors', opens: 'teach', shipped: true, together: 6, // of each that comes the lines are found
    mine: each => each.what === 'painter', look: (each, address) => !each.about.bare && address(each.sha, 160),
    words: text => ({
      title: text.pairs_title, hint: text.pairs_hint, offer: text.pairs_offer, mine: text.pairs_mine, none: text.pairs_none, bring: text.pairs_bring, use: text.pairs_use, useNamed: text.pairs_use_named,
      done: text.pairs_done, samples: text.pairs_columns_live, base: text.pairs_base_shipped, baseTold: text.pairs_base_told, learnsFrom: text.pairs_learns_from, samplesNone: text.pairs_samples_none,
    }),
    enough: laid => (laid.pairs || NONE).count >= (laid.pairs || NONE).fewest,
    pictures, counted, charts, results, use: each => Duet.easel.paintWith(`sha256:${each.sha}`), gone: sha => Duet.easel.without(`sha256:${sha}`),
  });
})();
