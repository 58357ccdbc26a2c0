// The family of a picture: those that it comes from above it, its children below, each a way to where it was made.
(() => {
  const { h, define, tell, icon, redraw, panels, fill } = Duet;
  const SIDE = 64, STEP = 80, RISE = 116, EDGE = 24; // pixels: a thumbnail, from one to the next, from a generation to the next, around all
  const root = document.body.appendChild(h('section.duet-family', { id: 'duet-family' }));
  let shown = null; // {round, variant, found, problem}
  let at = 0;       // the member that has the focus

  async function open(round, variant) {
    const panel = Duet.value('round');
    if (shown || round === null || variant === null || !panel?.breeds || !Duet.tile(variant)?.made) return;
    const before = document.activeElement, here = shown = { round, variant, found: null, problem: '' };
    panels.family.value = {};
    redraw('family');
    Duet.modal.enter(root, root.querySelector('.veil'), before);
    try {
      const found = await (await fetch(`duet/${panel.session}/family?round=${round}&variant=${variant}&lang=${panel.language}`)).json();
      if (found.error) here.problem = found.error;
      else here.found = placed(found);
    } catch { here.problem = Duet.value('header').text.lost; }
    if (shown !== here) return;
    at = here.found ? here.found.members.findIndex(each => each.here) : 0;
    redraw('family');
    focus();
  }

  function close() {
    if (!shown) return;
    shown = null;
    redraw('family');
    Duet.modal.leave();
  }

  // Where each member stands: a generation a row, those with the same parents beside each other.
  function placed({ of, people, lines, more }) {
    const members = Object.entries(people).map(([id, each]) => ({ id, round: null, name: '', ...each, here: id === of })), links = lines.map(({ from, to, kind }) => ({ parent: from, child: to, kind }));
    const rows = new Map(), place = new Map();
    for (const each of members) (rows.get(each.generation) || rows.set(each.generation, []).get(each.generation)).push(each);
    const order = [...rows.keys()].sort((one, other) => one - other);
    const middle = (each, near) => { const found = near(each).map(id => place.get(id)).filter(Boolean); return found.length ? found.reduce((sum, one) => sum + one.x, 0) / found.length : 0; };
    const above = each => links.filter(link => link.child === each.id).map(link => link.parent), below = each => links.filter(link => link.parent === each.id).map(link => link.child);
    const settle = (generation, near) => {
      const row = rows.get(generation).map((each, index) => ({ each, index, x: middle(each, near) })).sort((one, other) => one.x - other.x || one.index - other.index);
      row.forEach(({ each }, index) => place.set(each.id, { x: (index - (row.length - 1) / 2) * STEP, y: (generation - order[0]) * RISE }));
    };
    for (const generation of order.filter(each => each <= 0).reverse()) settle(generation, below);
    for (const generation of order.filter(each => each > 0)) settle(generation, above);
    const left = Math.min(...[...place.values()].map(each => each.x)) - SIDE / 2 - EDGE, right = Math.max(...[...place.values()].map(each => each.x)) + SIDE / 2 + EDGE;
    return { links, more, width: right - left, height: (order.at(-1) - order[0]) * RISE + SIDE + 2 * EDGE + 20,
      members: members.map(each => ({ ...each, x: place.get(each.id).x - left, y: place.get(each.id).y + EDGE })) };
  }

  function line({ parent, child, kind }, members) {
    const [from, to] = [parent, child].map(id => members.find(each => each.id === id)), start = from.y + SIDE + 20, half = (start + to.y) / 2;
    return h('path', { d: `M${from.x} ${start}C${from.x} ${half} ${to.x} ${half} ${to.x} ${to.y - 3}`, class: [kind, from.here || to.here ? 'near' : ''].join(' ') });
  }

  function member(each, index, text) {
    const label = each.round === null ? each.name : fill(text.family_place, { round: each.round + 1, number: each.variant + 1 });
    return h('button.member', { type: 'button', class: [each.here && 'here', each.round === null && 'brought'].filter(Boolean).join(' '), tabindex: index === at ? '0' : '-1', 'aria-label': label, title: label,
      'aria-current': each.here ? 'true' : null, style: { left: `${each.x - SIDE / 2}px`, top: `${each.y}px` }, data: { click: 'go', index, key: each.id } },
      h('img', { src: `duet/${Duet.value('round').session}/${each.id}?side=160`, alt: '' }), h('span', {}, each.round === null ? each.name : `${each.round + 1}·${each.variant + 1}`));
  }

  async function go(index) { // to the round that it was made in; a picture that was brought along was not made here
    const each = shown?.found?.members[index];
    if (!each || each.round === null) return;
    close();
    Duet.lookAt(each.round);
    await tell('history', 'look', { look: each.round });
    Duet.focusOn(each.variant);
  }

  function focus() {
    const found = root.querySelector('.member[tabindex="0"]');
    found?.focus({ preventScroll: true });
    found?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }

  function move(key) { // to the nearest in that direction
    const { members } = shown.found, now = members[at], along = key === 'ArrowLeft' || key === 'ArrowRight', sign = key === 'ArrowLeft' || key === 'ArrowUp' ? -1 : 1;
    const rows = members.filter(each => (along ? each.y === now.y && sign * (each.x - now.x) > 0 : sign * (each.y - now.y) > 0));
    const far = each => (along ? Math.abs(each.x - now.x) : Math.abs(each.y - now.y) * 100 + Math.abs(each.x - now.x));
    const next = rows.reduce((best, each) => (!best || far(each) < far(best) ? each : best), null);
    if (!next) return;
    at = members.indexOf(next);
    redraw('family');
    focus();
  }

  function key(event) { // whether it was meant for the tree
    if (!shown?.found) return false;
    if (event.key.startsWith('Arrow')) move(event.key);
    else if (event.key === 'Enter' && event.target.closest?.('.member')) go(at);
    else return false;
    return true;
  }

  define('family', {
    root, value: {},
    on: { close, go(button) { go(Number(button.dataset.index)); }, backdrop(element, event) { if (event.target === element) close(); } },
    draw() {
      if (!shown) return [];
      const { text } = Duet.value('round'), { found, problem } = shown, title = fill(text.family_title, { name: `${shown.round + 1}·${shown.variant + 1}` });
      const alone = found && found.members.length === 1;
      return h('div.veil', { role: 'dialog', 'aria-modal': 'true', tabindex: '-1', 'aria-label': title, data: { click: 'backdrop' } },
        h('header.head', {}, h('h2', {}, title), h('p.small', { role: 'status' }, alone ? text.family_alone : text.family_hint, found?.more && ` ${text.family_more}`)),
        problem ? h('p.problem', { role: 'alert' }, problem) : h('div.scroller', { data: { key: 'scroller' } }, found && h('div.tree', { style: { width: `${found.width}px`, height: `${found.height}px` } },
          h('svg', { width: found.width, height: found.height, 'aria-hidden': 'true' }, found.links.map(each => line(each, found.members))),
          found.members.map((each, index) => member(each, index, text)))),
        h('button.act.shut', { type: 'button', 'aria-label': text.close, title: text.close, data: { click: 'close' } }, icon('close')));
    },
  });
  panels.family.root = root;
  root.addEventListener('click', event => {
    const target = event.target.closest('[data-click]');
    if (target) panels.family.on[target.dataset.click]?.(target, event);
  });
  root.addEventListener('focusin', event => {
    const found = event.target.closest('.member');
    if (found && Number(found.dataset.index) !== at) { at = Number(found.dataset.index); redraw('family'); }
  });

  Duet.family = { open, close, key, isOpen: () => shown !== null };
})();
