// Rounds in the order they were made; a line to the one each came from, and an arc where that is not the one before.
(() => {
  const { h, define, tell, icon } = Duet;
  const STEP = 64, HALF = 26; // pixels from one round to the next, and to the middle of a thumbnail

  function lines(rounds) {
    return h('svg.lines', { width: Math.max(1, rounds.length * STEP), height: 76, 'aria-hidden': 'true' }, rounds.map((each, at) => {
      if (each.parent === null || each.parent === undefined) return null;
      const from = each.parent * STEP + HALF, to = at * STEP + HALF;
      if (at - each.parent === 1) return h('path', { d: `M${from + HALF} 42H${to - HALF}` });
      return h('path.arc', { d: `M${from} 16C${from} 2 ${to} 2 ${to} 16` });
    }));
  }

  define('history', {
    on: {
      look(button) {
        const round = Number(button.dataset.round);
        if (button.dataset.mode !== Duet.mode()) { Duet.turn(button.dataset.mode, round); return; }
        Duet.lookAt(round);
        tell('history', 'look', { look: round });
      },
      undo() { undo(); }, redo() { redo(); },
    },
    draw(value) {
      const text = value.text, now = Duet.value('round')?.round;
      return [
        h('h2', {}, text.history),
        h('div.strip', { data: { key: 'strip' } }, h('div.line', {}, lines(value.rounds),
          value.rounds.length ? value.rounds.map(each => h('button.past', { type: 'button', title: each.title, 'aria-label': each.title, 'aria-current': each.round === now ? 'true' : null,
            class: each.status, data: { click: 'look', round: each.round, mode: each.mode, key: `past-${each.round}` } },
          h('span.thumb', {}, each.src && h('img', { src: each.src, alt: '' }), each.words && h('span.excerpt', { dir: 'auto', 'aria-hidden': 'true' }, each.words), each.starred && icon('star')),
          h('span.number', { class: each.judged ? 'judged' : '' }, each.label))) : h('p.empty', {}, text.history_empty))),
        h('div.tools', {},
          h('button.quiet', { type: 'button', disabled: !value.undo, title: value.undo || text.undo, data: { click: 'undo' } }, icon('undo'), h('span', {}, text.undo), h('kbd', {}, 'Z')),
          h('button.icon', { type: 'button', disabled: !value.redo, title: value.redo || text.redo, 'aria-label': text.redo, data: { click: 'redo' } }, icon('redo')),
          h('a.quiet', { href: value.export, download: '' }, icon('down'), h('span', {}, text.export)),
          h('a.quiet', { href: '?sid=new', title: text.new }, icon('plus'), h('span', {}, text.new))),
      ];
    },
    drawn(value, panel) {
      const now = Duet.value('round')?.round;
      if (now === panel.at) return;
      panel.at = now;
      const strip = panel.root.querySelector('.strip'), here = panel.root.querySelector('[aria-current]');
      if (here) strip.scrollLeft = here.offsetLeft - strip.clientWidth / 2; // the strip alone: the page stays where it is
    },
  });

  // What was typed last goes to the log first, so that undo takes back that and not what came before it.
  function undo() { return turned('undo'); }
  function redo() { return turned('redo'); }
  async function turned(act) {
    await Duet.notebook.flush();
    if (!Duet.value('history')?.[act]) return;
    Duet.lookAt(null);
    tell('history', act);
  }
  Object.assign(Duet, { undo, redo });
})();
