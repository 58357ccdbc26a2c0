// A sheet: small pictures of a plane through what the artist has, picked from three times, each time twice closer. Nothing is logged
// before the last pick, so closing it leaves everything as it was.
(() => {
  const { h, define, tell, icon, redraw, panels, fill, say } = Duet;
  const LEVELS = 3;
  let shown = null;    // {after, brief, picks: the path here, levels: what the server sent for each step of it}
  let at = 0;          // the cell that keys speak to
  let problem = '';    // why the next level could not be painted
  let busy = false, slow = false; // whether it is being painted, and for longer than a moment
  let asking = null;   // stops what is being asked

  const root = document.body.appendChild(h('section.duet-plane', { id: 'duet-plane' }));
  const offer = () => Duet.value('round')?.sheet;
  const level = () => shown?.levels.at(-1);
  const last = () => shown.picks.length === LEVELS - 1;

  function open() {
    if (shown || !offer()) return;
    if (!offer().offered) { say(offer().why, 'plain'); return; }
    const before = document.activeElement, brief = Duet.asked();
    if (!brief) { say(Duet.value('round').text.empty_round, 'plain'); return; }
    Duet.lightClose();
    say('');
    shown = { after: offer().after, brief, picks: [], levels: [] };
    panels.plane.value = {};
    redraw('plane');
    Duet.modal.enter(root, root.querySelector('.veil'), before);
    ask([]);
  }

  function close() {
    if (!shown) return;
    asking?.abort();
    [shown, busy, slow, problem] = [null, false, false, ''];
    redraw('plane');
    Duet.modal.leave();
  }

  async function ask(picks, from = null) {
    const round = Duet.value('round'), mine = asking = new AbortController(), here = shown;
    busy = true; problem = '';
    const late = setTimeout(() => { slow = true; redraw('plane'); }, 250);
    redraw('plane');
    let found = null;
    try {
      const answer = await fetch(`duet/${round.session}/plane?lang=${round.language}`, {
        method: 'POST', signal: mine.signal, body: JSON.stringify({ after: here.after, brief: here.brief, picks }) });
      found = await answer.json();
    } catch { found = { error: round.text.lost }; }
    clearTimeout(late);
    if (shown !== here || asking !== mine) return;
    busy = slow = false;
    if (found.error) { problem = found.error; redraw('plane'); return; }
    here.picks = picks; here.levels.push(found);
    at = found.middle;
    redraw('plane');
    if (from !== null) grow(from, found.side);
    focus();
  }

  function grow(from, side) { // the new level comes out of the cell that was picked
    const grid = root.querySelector('.grid');
    if (!grid || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    const place = index => `${(index + 0.5) * 100 / side}%`;
    grid.style.transformOrigin = `${place(from % side)} ${place(Math.floor(from / side))}`;
    grid.animate([{ transform: 'scale(0.5)', opacity: 0.2 }, { transform: 'none', opacity: 1 }], { duration: 140, easing: 'ease-out' });
  }

  function focus() { root.querySelector(`.cell[data-index="${at}"]`)?.focus({ preventScroll: true }); }
  function pick(index) {
    if (busy || !level()) return;
    at = index;
    if (last()) use(); else ask([...shown.picks, index], index);
  }
  function back() {
    if (busy || !shown.picks.length) return;
    at = shown.picks.at(-1);
    shown.picks = shown.picks.slice(0, -1);
    shown.levels.pop();
    problem = '';
    redraw('plane');
    focus();
  }
  function use() {
    if (busy || !level()) return;
    const { after, brief, picks } = shown, chosen = [...picks, at];
    close();
    Duet.drawer(false);
    Duet.lookAt(null);
    tell('round', 'explore', { after, brief, picks: chosen });
  }
  function move(key) {
    const found = level();
    if (!found) return;
    const row = Math.floor(at / found.side), column = at % found.side, by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[key];
    const [down, right] = [row + by[0], column + by[1]];
    if (down < 0 || right < 0 || down >= found.side || right >= found.side) return;
    at = down * found.side + right;
    redraw('plane');
    focus();
  }

  // Keys while a sheet is open; whether this one was meant for it.
  function key(event) {
    if (event.key.startsWith('Arrow')) move(event.key);
    else if (event.key === 'Backspace') back();
    else if (event.key === 'Enter' || event.key === ' ') {
      if (event.target.closest?.('button:not(.cell)')) return false;
      if (!event.repeat) pick(at);
    } else return false;
    return true;
  }

  function cell(found, each, index, text) {
    const here = index === found.middle;
    const place = `${Math.floor(index / found.side) + 1}, ${index % found.side + 1}`;
    return h('button.cell', { type: 'button', role: 'gridcell', tabindex: index === at ? '0' : '-1', class: here ? 'here' : '',
      'aria-label': [place, here && text.sheet_here, each.facts.join(', ')].filter(Boolean).join('. '), title: each.facts.join(' · '),
      data: { click: 'pick', index, key: `cell-${index}` } },
      h('img', { src: each.src, alt: '', draggable: 'false' }), here && h('span.mark', {}, text.sheet_here));
  }

  function grid(found, aspect, text) {
    const { axes, side } = found;
    return h('div.field', { style: { '--ar': aspect }, class: busy ? 'waits' : '' },
      h('p.axis.up', {}, axes.up && `↑ ${axes.up}`),
      h('p.axis.left', {}, axes.left && `← ${axes.left}`),
      h('div.grid', { role: 'grid', 'aria-label': text.sheet_title, 'aria-busy': String(busy), style: { '--side': side } },
        Array.from({ length: side }, (_, row) => h('div.line', { role: 'row' },
          found.cells.slice(row * side, (row + 1) * side).map((each, column) => cell(found, each, row * side + column, text))))),
      h('p.axis.right', {}, axes.right && `${axes.right} →`),
      h('p.axis.down', {}, axes.down && `↓ ${axes.down}`));
  }

  define('plane', {
    root, value: {},
    on: {
      close, back, use,
      pick(button) { pick(Number(button.dataset.index)); },
      backdrop(element, event) { if (event.target === element) close(); },
    },
    drawn() { if (shown && !Duet.value('round')) close(); },
    draw() {
      if (!shown) return [];
      const round = Duet.value('round'), text = round.text, found = level(), step = shown.picks.length;
      const said = fill(text.sheet_level, { level: step + 1, levels: LEVELS });
      return h('div.veil', { role: 'dialog', 'aria-modal': 'true', tabindex: '-1', 'aria-label': text.sheet_title, data: { click: 'backdrop' } },
        h('header.head', {},
          h('h2', {}, text.sheet_title),
          h('span.dots', { role: 'img', 'aria-label': said, title: said }, Array.from({ length: LEVELS }, (_, index) => h('i', { class: index <= step ? 'full' : '' }))),
          h('span.level', { role: 'status' }, slow ? `${text.sheet_painting} …` : said)),
        found ? grid(found, round.aspect || 1, text) : h('div.field.empty-field', { style: { '--ar': round.aspect || 1 } }, !problem && slow && h('p.soft', {}, `${text.sheet_painting} …`)),
        problem ? h('p.problem', { role: 'alert' }, problem) : h('p.tip', {}, last() ? text.sheet_last : text.sheet_hint),
        h('div.deeds', {},
          h('button.quiet', { type: 'button', disabled: !step || busy, data: { click: 'back' } }, icon('left'), text.sheet_back, h('kbd', {}, '⌫')),
          h('button.act.pick', { type: 'button', disabled: busy || !found, data: { click: 'use' } }, text.sheet_use)),
        h('button.act.shut', { type: 'button', 'aria-label': text.close, title: text.close, data: { click: 'close' } }, icon('close')));
    },
  });
  panels.plane.root = root;
  root.addEventListener('click', event => {
    const target = event.target.closest('[data-click]');
    if (target && !target.disabled) panels.plane.on[target.getAttribute('data-click')]?.(target, event);
  });
  root.addEventListener('focusin', event => { // "Use this" speaks of the cell that had the focus last
    const found = event.target.closest('.cell');
    if (found && Number(found.dataset.index) !== at) { at = Number(found.dataset.index); redraw('plane'); }
  });

  Object.assign(Duet, { plane: open, planeIsOpen: () => shown !== null, planeKey: key, planeClose: close });
})();
