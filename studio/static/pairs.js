// A painter of one's own: ours goes on with pairs of the artist's, a picture each with its words and the lines it was painted under.
(() => {
  const { h, fill, icon } = Duet;
  const MORE = 4; // times as many pairs are shown, where more are asked for
  const NONE = { count: 0, worded: 0, sketched: 0, fewest: Infinity, some: [] }; // until the studio told what there is

  const charts = text => [
    { title: text.pairs_chart_held, reads: text.pairs_chart_held_read, lines: [{ name: 'held_out', label: text.pairs_line_held }] },
    { title: text.gan_chart_losses, reads: text.pairs_chart_losses_read, log: true, lines: [{ name: 'looks', label: text.pairs_line_looks }, { name: 'copying', label: text.pairs_line_copying }] },
    { title: text.gan_chart_verdicts, reads: text.pairs_chart_verdicts_read, lines: [{ name: 'real', label: text.hands_line_real }, { name: 'fake', label: text.pairs_line_fake }], mark: { at: 0, label: text.hands_mark } },
  ];

  const typed = draft => (draft.words ||= {}); // words that are on their way to the studio, by pair

  function one(text, pair, basket, draft) { // its lines and its picture, which take it out; below them its words, to be mended
    const { key, name, sketch } = pair, what = sketch ? text.pairs_sketch : text.pairs_found, out = `${text.gan_remove}: ${name}`;
    return h('div.pair', { data: { key: `pair-${key}` } },
      h('button.takes', { type: 'button', title: out, 'aria-label': out, data: { click: 'takeOut', name: key, group: 'pictures' } }, h('span.both', {},
        pair.found ? h('img', { src: `${basket.place(`picture/lines/${key}`)}?of=${pair.lines}-${pair.at}`, alt: what, loading: 'lazy' }) : h('i', {}),
        h('img', { src: `${basket.place(`picture/pictures/${key}`)}?of=${pair.at}`, alt: '', loading: 'lazy' }))),
      h('input.said', { type: 'text', dir: 'auto', maxlength: 200, value: typed(draft)[key] ?? pair.words, placeholder: text.pairs_wordless, 'aria-label': fill(text.pairs_words, { name }), title: fill(text.pairs_words, { name }),
        data: { change: 'say', keydown: 'next', name: key, key: `words-${key}` } }),
      h('small', {}, sketch || pair.found ? what : text.pairs_unfound));
  }

  function pictures(text, laid, basket, draft) { // each with its lines, so that a mistake shows before anything is learned from it
    const { some, count } = laid.pairs || NONE;
    return [h('h3', {}, text.pairs_pairs),
      h('div.pictures.pairs-laid', { class: count ? '' : 'empty', role: 'group', 'aria-label': text.pairs_pairs, data: { dragover: 'over', drop: 'dropped', group: 'pictures' } },
        h('label.add', { title: text.pairs_add }, icon('plus'), !count && h('span', {}, text.pairs_drop),
          h('input', { type: 'file', multiple: true, accept: 'image/*,.zip,.csv', 'aria-label': text.pairs_add, data: { change: 'add', group: 'pictures' } })),
        some.map(pair => one(text, pair, basket, draft)),
        count > some.length && h('button.rest', { type: 'button', title: text.pairs_more, data: { click: 'more', key: 'rest' } }, fill(text.gan_more_pictures, { count: count - some.length })))];
  }

  const on = ({ draft, act, look, root }) => ({
    say({ value, dataset: { name } }) { // until it is on disk, and where it cannot be, what was typed stands there
      typed(draft())[name] = value;
      act('words', { picture: name, words: value }).then(found => { if (found.status && typed(draft())[name] === value) delete typed(draft())[name]; });
    },
    next(input, event) { // so that many are worded without a mouse
      if (event.key !== 'Enter' || event.isComposing) return;
      const all = [...root.querySelectorAll('input.said')];
      (all[all.indexOf(input) + (event.shiftKey ? -1 : 1)] || root.querySelector('.act.use')).focus();
    },
    more() { draft().seen = MORE * root.querySelectorAll('.pair').length; look(); },
  });

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
    kind: 'painter', mode: 'image', suffix: '.painter.safetensors', opens: 'teach', shipped: true, together: 12, on,
    mine: each => each.what === 'painter', look: (each, address) => !each.about.bare && address(each.sha, 160),
    words: text => ({
      title: text.pairs_title, hint: text.pairs_hint, offer: text.pairs_offer, mine: text.pairs_mine, none: text.pairs_none, bring: text.pairs_bring, use: text.pairs_use, useNamed: text.pairs_use_named,
      done: text.pairs_done, samples: text.pairs_columns_live, base: text.pairs_base_shipped, baseTold: text.pairs_base_told, learnsFrom: text.pairs_learns_from, samplesNone: text.pairs_samples_none,
    }),
    enough: laid => (laid.pairs || NONE).count >= (laid.pairs || NONE).fewest,
    pictures, counted, charts, results, use: each => Duet.easel.paintWith(`sha256:${each.sha}`), gone: sha => Duet.easel.without(`sha256:${sha}`),
  });
})();
