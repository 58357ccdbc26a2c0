// Two networks at play: the artist draws points, the studio's own networks play, and everything they do is seen.
(() => {
  const { h, define, icon, redraw, panels, fill, store } = Duet;
  const KEPT = 'duet-toy';          // the artist's points and options, in this browser: {points, options}
  const LAYERS = ['points', 'samples', 'field', 'arrows', 'bent'];
  const CURVES = ['losses', 'value', 'beliefs'];
  const SPEEDS = [2, 10, 30, 100, 300]; // steps a second
  const STEPS = { rate_d: [0.0005, 0.001, 0.002, 0.006, 0.01, 0.02, 0.05], rate_g: [0.0005, 0.001, 0.002, 0.006, 0.01, 0.02, 0.05], r1: [0, 0.02, 0.1, 1, 10],
    hidden: [4, 8, 16, 32, 64], batch: [16, 32, 96, 256], steps_d: [1, 2, 3, 5, 10], dimensions: [1, 2], seed: [0, 1, 2, 3, 4, 5, 6, 7] };
  const FRESH = ['noise', 'dimensions', 'hidden', 'seed']; // these take new networks
  const APART = 0.03, BRUSH = 0.06, RUBBER = 0.09; // half-widths of the plane
  const MANY = 600;                 // frames that the curves show
  const CALM = 500;                 // milliseconds between two pictures where less motion is asked for
  const CLOSE = 0.03;               // of -log 4, where the game is called even
  const still = matchMedia('(prefers-reduced-motion: reduce)');

  let shown = null;    // {points, options, about, frame, history, speed, tool, seen, note, problem}
  let playing = null;  // the AbortController of the stream
  let queue = Promise.resolve(); // acts go one after the other
  let stroke = null, cursor = null, drawn = 0, wanted = 0, measured = { since: 0, step: 0, rate: null }, told = 0;

  const root = document.body.appendChild(h('section.duet-toy', { id: 'duet-toy' }));
  const words = () => Duet.value('header').toy;
  const say = (name, values = {}) => fill(words()[`toy_${name}`], values).replaceAll(' %', '\u00a0%');
  const value = name => shown.options[name];
  const enough = () => shown.about && shown.points.length >= shown.about.fewest;

  // ── Opening, closing, asking ────────────────────────────────────────────────────────────────────────────────────────
  function open() {
    if (shown || !Duet.value('header')) return;
    const before = document.activeElement, kept = store.get(KEPT) || {};
    shown = { points: kept.points || [], options: kept.options || {}, about: null, frame: null, history: [], speed: 30, tool: 'draw', seen: Object.fromEntries(LAYERS.map(name => [name, true])), note: '', slow: false, problem: '' };
    panels.toy.value = {};
    redraw('toy');
    Duet.modal.enter(root, root.querySelector('.veil'), before);
    begin(kept.points?.length ? { points: kept.points } : { preset: 'ring' });
  }

  function close() {
    if (!shown) return;
    pause();
    shown = cursor = stroke = null;
    redraw('toy');
    Duet.modal.leave();
    if (linked()) { // the page has its session's address from here on, and begins with what it would have begun with
      const address = new URL(location.href);
      address.searchParams.delete('toy');
      address.searchParams.set('sid', Duet.value('header').session);
      history.replaceState(history.state, '', address);
      Duet.tell('header', 'turn', { mode: Duet.mode(), look: null, fresh: true });
    }
  }

  // ── A link that opens it, to be given to others: it names no session, for a session is its artist's own ────────────────
  const linked = () => new URL(location.href).searchParams.has('toy');
  const link = () => new URL('toy', document.baseURI).href;
  const alone = () => /^(localhost|127\..*|\[::1\])$/.test(location.hostname); // nobody else can reach it there
  let come = false;

  function arrived() { // once: what is closed stays closed
    if (come || !linked()) return;
    come = true;
    open();
  }

  function copy() {
    const place = root.querySelector('.link input');
    place.select();
    const done = navigator.clipboard ? navigator.clipboard.writeText(place.value) : Promise.resolve(document.execCommand('copy')); // without https there is only the older way
    done.then(() => { if (shown) { shown.note = say('copied'); redraw('toy'); } }, () => {}); // else it is selected, and can be copied by hand
  }

  function ask(act, said = {}) { // resolves with the answer, null where there is none that still matters
    const here = shown, go = async () => {
      if (shown !== here) return null;
      const { session, language, text } = Duet.value('header');
      try {
        const answer = await fetch(`duet/${session}/toy/${act}?lang=${language}`, { method: 'POST', body: JSON.stringify(said) }), found = await answer.json();
        if (shown !== here) return null;
        here.problem = found.error || '';
        if (!found.error) { take(found); return found; }
      } catch { if (shown === here) here.problem = text.lost; }
      if (shown === here) redraw('toy');
      return null;
    };
    queue = queue.then(go, go);
    return queue;
  }

  async function begin(said) {
    pause();
    const found = await ask('begin', { ...said, options: shown.options });
    if (!found) {
      if (shown && Object.keys(shown.options).length && !shown.about) { shown.options = {}; begin({ preset: 'ring' }); } // what was kept is of no use any more
      return;
    }
    Object.assign(shown, { about: found, points: said.points || found.points, history: [], note: '' });
    measured = { since: 0, step: 0, rate: null };
    adopt(found);
    take(found);
    keep();
    redraw('toy');
  }

  function adopt(found) { shown.about = { ...shown.about, options: found.options }; shown.options = Object.fromEntries(found.options.map(each => [each.name, each.value])); }
  function keep() { store.set(KEPT, { points: shown.points.map(place => place.map(each => Math.round(1000 * each) / 1000)), options: shown.options }); }

  // ── Playing ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  async function play() {
    if (playing || !shown?.frame || !enough()) return;
    const here = shown, mine = playing = new AbortController(), { session, language, text } = Duet.value('header');
    here.note = here.problem = '';
    here.slow = false;
    measured = { since: 0, step: 0, rate: null };
    redraw('toy');
    try {
      const answer = await fetch(`duet/${session}/toy/play?lang=${language}`, { method: 'POST', signal: mine.signal, body: JSON.stringify({ speed: here.speed }) });
      if (!answer.ok) throw new Error((await answer.json()).error);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = '', chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        const lines = (rest + chunk.value).split('\n');
        rest = lines.pop();
        for (const line of lines) hear(here, JSON.parse(line));
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      here.problem = error instanceof TypeError ? text.lost : error.message;
    }
    if (playing === mine) playing = null;
    if (shown === here) redraw('toy');
  }

  function hear(here, line) {
    if (shown !== here) return;
    if (line.error) here.problem = line.error;
    else if (line.idle) here.note = say('idle', { minutes: line.idle });
    else take(line);
    if (!!line.slow !== here.slow) { // many play here, or somebody's round is painted
      here.slow = !!line.slow;
      if (!line.idle) here.note = here.slow ? say('slow') : '';
      redraw('toy');
    }
  }

  function pause(look = false) { // what is seen must be how the game stands: the next step goes on from there
    if (!playing) return;
    playing.abort();
    playing = null;
    if (shown && look) { ask('look'); redraw('toy'); }
  }

  function turn(who) {
    if (!enough()) return;
    pause();
    ask('step', { who }).then(() => redraw('toy'));
  }

  function take(found) {
    if (!found.field) return;
    shown.frame = { ...Duet.toyDraw.decoded(found), lined: value('dimensions') === 1 };
    shown.history.push(found);
    if (shown.history.length > MANY) shown.history.shift();
    const now = performance.now();
    if (!measured.since) measured = { since: now, step: found.step, rate: null };
    else if (now - measured.since > 1500) measured = { since: now, step: found.step, rate: 1000 * (found.step - measured.step) / (now - measured.since) };
    soon();
  }

  function soon() { wanted ||= requestAnimationFrame(paint); }

  function paint(now) {
    wanted = 0;
    if (!shown?.about) return;
    if (still.matches && playing && now - drawn < CALM) { soon(); return; }
    drawn = now;
    Duet.toyDraw.plane(root.querySelector('.plane'), shown.points, shown.frame, shown.seen, cursor && { ...cursor, radius: shown.tool === 'draw' ? BRUSH : RUBBER });
    for (const each of root.querySelectorAll('.curve')) Duet.toyDraw.curve(each, each.dataset.curve, shown.history);
    if (now - told > 250 || !playing) { // words change slower than pictures, so that they can be read
      told = now;
      const { frame } = shown, put = (where, text) => { const place = root.querySelector(where); if (place && place.textContent !== text) place.textContent = text; };
      put('.count', frame ? say('count', { steps: frame.step, turns: frame.turns }) + (playing && measured.rate !== null ? ` · ${say('measured', { rate: Math.round(measured.rate) })}` : '') : '');
      put('.reached', frame ? say('reached', { reached: Math.round(100 * frame.reached), near: Math.round(100 * frame.near) }) : '');
      put('.said', sentence());
      root.querySelector('.said').classList.toggle('warns', Boolean(shown.frame?.told));
    }
  }

  function sentence() {
    const { frame } = shown;
    if (!enough()) return say('few', { count: shown.about.fewest });
    if (!frame || (!frame.step && !frame.turns)) return say('start');
    if (frame.told) return say(`told_${frame.told}`, { missing: Math.round(100 - 100 * frame.reached) });
    return Math.abs(frame.value - Duet.toyDraw.EVEN) < CLOSE && frame.near > 0.75 && frame.reached > 0.75 ? say('told_even') : '';
  }

  // ── Drawing points ──────────────────────────────────────────────────────────────────────────────────────────────────
  function placeOf(event) {
    const box = root.querySelector('.plane').getBoundingClientRect(), within = at => Math.min(1, Math.max(-1, at));
    return { x: within(2 * (event.clientX - box.left) / box.width - 1), y: within(1 - 2 * (event.clientY - box.top) / box.height) };
  }

  function dab({ x, y }, count = 1) {
    if (shown.tool === 'erase') { shown.points = shown.points.filter(([left, up]) => Math.hypot(left - x, up - y) > RUBBER); soon(); return; }
    for (let at = 0; at < count; at++) {
      if (shown.points.length >= shown.about.most) { shown.note = say('full', { count: shown.about.most }); redraw('toy'); break; }
      const [angle, far] = [2 * Math.PI * Math.random(), BRUSH * Math.sqrt(Math.random())], within = each => Math.min(1, Math.max(-1, each));
      shown.points.push([within(x + far * Math.cos(angle)), within(y + far * Math.sin(angle))]);
    }
    soon();
  }

  function along(to) { // from where the stroke was, a dab every so far
    const far = Math.hypot(to.x - stroke.x, to.y - stroke.y), count = Math.floor(far / APART);
    for (let at = 1; at <= count; at++) dab({ x: stroke.x + (to.x - stroke.x) * at / count, y: stroke.y + (to.y - stroke.y) * at / count }, 2);
    if (count) stroke = to;
  }

  function changed() { // a stroke is finished
    keep();
    redraw('toy');
    if (!enough()) { pause(true); return; }
    ask('points', { points: shown.points }).then(() => redraw('toy'));
  }

  root.addEventListener('pointerdown', event => {
    if (!event.target.matches('.plane') || !shown?.about || event.button) return;
    event.target.setPointerCapture(event.pointerId);
    stroke = cursor = placeOf(event);
    dab(stroke, 4);
  });
  root.addEventListener('pointermove', event => {
    if (!event.target.matches('.plane') || !shown?.about) return;
    cursor = placeOf(event);
    if (stroke) for (const each of event.getCoalescedEvents?.() ?? [event]) along(placeOf(each));
    soon();
  });
  for (const kind of ['pointerup', 'pointercancel'])
    root.addEventListener(kind, () => { if (stroke && shown) { stroke = null; changed(); } });
  root.addEventListener('pointerout', event => { if (event.target.matches('.plane') && !stroke && cursor) { cursor = null; if (shown) soon(); } });

  // ── Keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────
  const LETTERS = { ' ': () => (playing ? pause(true) : play()), d: () => turn('discriminator'), g: () => turn('generator'), n: () => turn('both'), r: () => anew() };

  function onPlane(key) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
    if (by) cursor = { x: Math.min(1, Math.max(-1, (cursor?.x ?? 0) + 0.05 * by[0])), y: Math.min(1, Math.max(-1, (cursor?.y ?? 0) + 0.05 * by[1])) };
    else if (key === 'Enter') { cursor ||= { x: 0, y: 0 }; dab(cursor, 4); changed(); }
    else return false;
    soon();
    return true;
  }

  addEventListener('keydown', event => { // before the page's own keys, which mean something else
    if (!shown) return;
    event.stopPropagation();
    const { key, target } = event, letter = LETTERS[key.toLowerCase()];
    if (key === 'Escape') { event.preventDefault(); close(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches?.('select')) return;
    if (target.matches?.('.plane') && onPlane(key)) { event.preventDefault(); return; }
    if (letter && shown.about && !event.repeat && !(key === ' ' && target.matches?.('button, input'))) { event.preventDefault(); letter(); }
  }, true);
  document.addEventListener('visibilitychange', () => { if (document.hidden) pause(true); });

  // ── What the artist does ────────────────────────────────────────────────────────────────────────────────────────────
  function anew() { if (enough()) begin({ points: shown.points }); }

  async function tune(name, to) {
    const options = { ...shown.options, [name]: to }, fresh = FRESH.includes(name), went = Boolean(playing);
    if (fresh) pause();
    const found = await ask('tune', { options });
    if (!found) { redraw('toy'); return; }
    if (found.fresh) { shown.history = []; measured.since = 0; }
    adopt(found);
    take(found);
    keep();
    redraw('toy');
    if (fresh && went) play();
  }

  const number = each => (each === 0 ? '0' : String(each));

  function setting(each) {
    const called = say(each.name), choices = each.choices.length ? each.choices : [...new Set([...STEPS[each.name], each.value])].sort((one, other) => one - other);
    const name = choice => (each.choices.length ? say(`${each.name}_${choice}`) : number(choice));
    return h('label.setting', { title: each.help, data: { key: `setting-${each.name}` } }, h('span', {}, called, FRESH.includes(each.name) && h('small', {}, say('restarts'))),
      h('select', { data: { change: 'tune', name: each.name } }, choices.map(choice => h('option', { value: choice, selected: choice === each.value }, name(choice)))));
  }

  function played() {
    const { loss } = shown.options, { formula, source } = shown.about.games[loss], by = name => shown.about.options.find(each => each.name === name), spec = by('loss');
    return h('section.rules', {}, h('h3', {}, say('settings')),
      h('div.chips', { role: 'radiogroup', 'aria-label': say('loss'), title: spec.help }, spec.choices.map(name => h('button.chip', { type: 'button', role: 'radio', 'aria-checked': String(name === loss), data: { click: 'loss', name, key: `loss-${name}` } }, say(`loss_${name}`)))),
      h('p.formula', { lang: 'en' }, formula.split(',  ').map(part => h('span', {}, part.replaceAll(' - ', ' \u2212 ').split(/(_\w)/).map(each => (/^_\w$/.test(each) ? h('sub', {}, each[1]) : each)))), h('small', {}, source)),
      h('div.settings', {}, shown.about.options.filter(each => each.name !== 'loss').map(setting)));
  }

  function stage() {
    const button = (act, name, pressed) => h('button.chip', { type: 'button', 'aria-pressed': pressed === undefined ? null : String(pressed), data: { click: act, name: name || '', key: `${act}-${name || ''}` } });
    const chip = (act, name, label, pressed) => { const made = button(act, name, pressed); made.append(label); return made; };
    const step = (who, key) => h('button.act', { type: 'button', disabled: !enough(), title: `${say(`step_${who}`)} (${key})`, data: { click: 'turn', who, key: `turn-${who}` } }, say(`step_${who}`));
    return h('div.stage', { data: { key: 'stage' } },
      h('div.tools', {},
        h('div.chips', { role: 'group', 'aria-label': say('figures') }, h('span.small', {}, say('figures')), shown.about.presets.map(name => chip('figure', name, say(`figure_${name}`)))),
        h('div.chips', { role: 'group', 'aria-label': say('points') }, chip('tool', 'draw', say('draw'), shown.tool === 'draw'), chip('tool', 'erase', say('erase'), shown.tool === 'erase'), chip('clear', '', say('clear')))),
      h('canvas.plane', { tabindex: '0', role: 'img', 'aria-label': say('plane'), data: { own: '', key: 'plane' } }),
      h('div.transport', {},
        h('button.act.pick', { type: 'button', disabled: !enough(), 'aria-pressed': String(Boolean(playing)), data: { click: 'play', key: 'play' } }, icon(playing ? 'pause' : 'play'), say(playing ? 'pause' : 'play')),
        step('both', 'N'), step('discriminator', 'D'), step('generator', 'G'),
        h('button.act', { type: 'button', disabled: !enough(), title: `${say('reset')} (R)`, data: { click: 'anew', key: 'anew' } }, say('reset')),
        h('label.speed', {}, h('span', {}, say('speed')), h('select', { data: { change: 'speed', key: 'speed' } }, SPEEDS.map(each => h('option', { value: each, selected: each === shown.speed }, say('rate', { count: each })))))),
      h('p.said', { role: 'status', data: { key: 'said', own: '' } }),
      h('p.count', { data: { key: 'count', own: '' } }),
      h('p.reached', { data: { key: 'reached', own: '' } }),
      h('div.notes', { data: { key: 'notes' } }, shown.problem && h('p.problem', { role: 'alert' }, shown.problem), shown.note && h('p.note', { role: 'status' }, shown.note), still.matches && h('p.note', {}, say('still'))));
  }

  function side() {
    return h('aside.side', { data: { key: 'side' } },
      h('section.legend', {}, h('h3', {}, say('seen')), LAYERS.map(name => h('label', { data: { key: `layer-${name}` } },
        h('input', { type: 'checkbox', checked: shown.seen[name], data: { change: 'layer', name } }), h(`i.${name}`, { 'aria-hidden': 'true' }), h('span', {}, h('b', {}, say(name)), ' ', h('small', {}, say(`${name}_how`)))))),
      h('section.curves', {}, CURVES.map(name => h('figure', { data: { key: `curve-${name}` } },
        h('figcaption', {}, h('b', {}, say(name)), ' ', h('small', {}, say(`${name}_how`))), h('canvas.curve', { role: 'img', 'aria-label': `${say(name)}. ${say(`${name}_how`)}`, data: { own: '', curve: name, key: `canvas-${name}` } })))));
  }

  define('toy', {
    root, value: {},
    on: {
      close, anew, copy,
      whole(input) { input.select(); },
      play() { if (playing) pause(true); else play(); },
      turn(button) { turn(button.dataset.who); },
      figure(button) { begin({ preset: button.dataset.name }); },
      tool(button) { shown.tool = button.dataset.name; redraw('toy'); },
      clear() { shown.points = []; changed(); },
      layer(input) { shown.seen[input.dataset.name] = input.checked; redraw('toy'); },
      loss(button) { tune('loss', button.dataset.name); },
      tune(select) { const { name } = select.dataset; tune(name, name === 'noise' ? select.value : Number(select.value)); },
      speed(select) { shown.speed = Number(select.value); if (playing) { pause(); play(); } else redraw('toy'); },
    },
    drawn() { if (shown?.about) { told = drawn = 0; soon(); } },
    draw() {
      if (!shown) return [];
      return h('div.veil', { role: 'dialog', 'aria-modal': 'true', tabindex: '-1', 'aria-label': say('title') },
        h('header.head', {}, h('h2', {}, say('title')), h('button.icon', { type: 'button', 'aria-label': Duet.value('header').text.close, data: { click: 'close' } }, icon('close'))),
        h('p.lead', {}, say('lead')),
        shown.about ? h('div.body', { data: { key: 'body' } }, stage(), side(), played(), h('div.link', { data: { key: 'link' } }, h('label', {}, say('link'), h('input', { type: 'text', readonly: true, value: link(), data: { click: 'whole' } })),
          h('button.act', { type: 'button', data: { click: 'copy' } }, icon('copy'), say('copy')), h('small', {}, say(alone() ? 'link_alone' : 'link_how'))), h('p.small.about', {}, say('source'), h('br'), h('span.keys', {}, say('keys'))))
          : h('p.note', { role: 'status' }, shown.problem || `${say('loading')} …`));
    },
  });
  panels.toy.root = root;
  for (const kind of ['click', 'change'])
    root.addEventListener(kind, event => {
      const target = event.target.closest(`[data-${kind}]`);
      if (target && !target.disabled) panels.toy.on[target.getAttribute(`data-${kind}`)]?.(target, event);
    });
  addEventListener('resize', () => { if (shown?.about) soon(); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { if (shown?.about) soon(); });

  Duet.toy = { open, close, arrived, linked, isOpen: () => shown !== null, state: () => shown };
})();
