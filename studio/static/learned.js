// What the judgements taught, as bars with a sentence, and the judgements themselves, each of which can be taken back.
(() => {
  const { h, define, tell, icon } = Duet;
  define('learned', {
    on: {
      back(button) { tell('learned', 'retract', { round: Number(button.dataset.round), events: JSON.parse(button.dataset.events) }); },
      unlearn() { tell('learned', 'unlearn'); },
    },
    draw(value) {
      const text = value.text;
      return [
        h('header.top', {}, h('h2', {}, text.learned)),
        !value.judged && !value.said.length && h('p.empty', {}, text.learned_empty),
        value.judged > 0 && h('p.sentence', {}, value.sentence),
        value.judged > 0 && h('ul.bars', { 'aria-label': text.believed }, value.rows.map(row =>
          h('li', { title: `${row.label}: ${row.shown}, ${row.sure}`, data: { key: row.name }, style: { '--at': row.at, '--sure': row.confidence, '--weight': row.weight } },
            h('span.label', {}, row.label), h('span.shown', {}, row.shown), h('span.track', {}, h('i.belief', {})), h('span.sure', {}, row.sure)))),
        value.said.length > 0 && h('h3', {}, text.said),
        value.said.length > 0 && h('ul.said', {}, value.said.map(each => h('li', { data: { key: `said-${each.events[0]}` } }, h('span', {}, each.text),
          h('button.icon', { type: 'button', title: text.take_back, 'aria-label': `${text.take_back}: ${each.text}`, data: { click: 'back', round: each.round, events: JSON.stringify(each.events) } }, icon('close'))))),
        value.judged > 0 && h('button.unlearn', { type: 'button', title: text.unlearn_help, data: { click: 'unlearn' } }, text.unlearn),
      ];
    },
  });
})();
