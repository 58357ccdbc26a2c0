// The core of the page: panels that draw themselves from values, and a way to tell the server what the artist did.
// Every text is put in place as text, never as HTML: names of pictures are somebody else's words.
(() => {
  if (window.Duet) return;

  const SVG = 'http://www.w3.org/2000/svg';
  const panels = {};     // name -> {root, trigger, value, draw, adopt}
  const waiting = new Map(); // number of an act -> what to do when it is answered
  const PATIENCE = 15000;    // milliseconds after which an act that nobody answers no longer holds up the next
  let asks = 0;
  let lost = false; // whether the studio did not answer when it was last asked
  let queue = Promise.resolve();

  // h('button.quiet', {title: '…', data: {act: 'like'}}, 'Like') makes an element; false and null children are left out.
  function h(what, props, ...children) {
    const [tag, ...classes] = what.split('.');
    const svg = tag === 'svg' || tag === 'path' || tag === 'circle' || tag === 'line' || tag === 'polyline';
    const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag || 'div');
    if (classes.length) element.setAttribute('class', classes.join(' '));
    for (const [name, value] of Object.entries(props || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name === 'data') for (const [key, each] of Object.entries(value)) { if (each !== null && each !== undefined) element.setAttribute(`data-${key}`, each); }
      else if (name === 'class') element.setAttribute('class', [...classes, value].filter(Boolean).join(' '));
      else if (name === 'style' && typeof value === 'object')
        for (const [key, each] of Object.entries(value)) element.style.setProperty(key, each);
      else element.setAttribute(name, value === true ? '' : value);
    }
    for (const child of children.flat(Infinity))
      if (child !== null && child !== undefined && child !== false)
        element.append(child instanceof Node ? child : String(child));
    return element;
  }

  // Makes `old` look like `fresh`, keeping every element that can stay: focus, scrolling, and pictures that are loaded.
  function morph(old, fresh) {
    const left = new Map();
    for (const child of old.children) if (child.dataset?.key) left.set(child.dataset.key, child);
    let at = old.firstChild;
    for (const want of [...fresh.childNodes]) {
      const key = want.dataset?.key;
      let have = key ? left.get(key) : at;
      if (!key && have?.dataset?.key && want.nodeType === 1) have = null;
      if (have && same(have, want)) {
        if (have !== at) old.insertBefore(have, at);
        else at = at.nextSibling;
        update(have, want);
      } else old.insertBefore(want, at);
      if (key) left.delete(key);
    }
    while (at) { const next = at.nextSibling; at.remove(); at = next; }
  }

  function same(one, other) {
    return one.nodeType === other.nodeType && one.nodeName === other.nodeName && (one.dataset?.key || '') === (other.dataset?.key || '');
  }

  function update(have, want) {
    const chosen = want.nodeName === 'SELECT' ? want.value : null; // an option that somebody chose no longer heeds its attribute
    if (have.nodeType !== 1) { if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue; return; }
    for (const { name } of [...have.attributes]) if (!want.hasAttribute(name)) have.removeAttribute(name);
    for (const { name, value } of want.attributes) if (have.getAttribute(name) !== value) have.setAttribute(name, value);
    if (have.nodeName === 'TEXTAREA' && have !== document.activeElement && !have.hasAttribute('data-own') && have.value !== want.value) have.value = want.value;
    if (have.nodeName === 'INPUT') {
      const typing = have === document.activeElement && have.type !== 'range';
      if (have.type === 'checkbox') have.checked = want.hasAttribute('checked');
      else if (want.hasAttribute('value') && !typing && !have.matches(':active')) have.value = want.getAttribute('value');
    }
    if (!have.hasAttribute('data-own')) morph(have, want); // what is marked so looks after its inside itself
    if (chosen !== null) have.value = chosen;
  }

  // A panel: `draw(value, panel)` gives its content anew whenever its value changes or somebody asks with `redraw`. One that is
  // another in each mode has its parts by mode under `modes`.
  function define(name, panel) { panels[name] = { ...panel, name }; }
  const part = panel => panel.modes?.[panel.value?.mode] || panel;

  function mount(name, { element, trigger, props, watch }) {
    const panel = panels[name];
    panel.root = element.querySelector(`.duet-${name}`);
    panel.trigger = trigger;
    for (const kind of ['click', 'input', 'change', 'pointerdown', 'keydown', 'dragover', 'dragleave', 'drop', 'toggle'])
      panel.root.addEventListener(kind, event => heard(panel, kind, event), kind === 'toggle');
    const take = () => { if (props.value) receive(panel, JSON.parse(JSON.stringify(props.value))); };
    watch('value', take);
    panel.mounted?.(panel);
    take();
  }

  function unheard() {
    lost = true;
    for (const answer of [...waiting.values()]) answer(null);
    waiting.clear();
    if (panels.header?.value) say(panels.header.value.text.lost);
  }

  function receive(panel, value) {
    lost = false;
    if (value.reply && waiting.has(value.reply)) { waiting.get(value.reply)(value); waiting.delete(value.reply); }
    if (value.mode && panel.name !== 'header' && mode() && value.mode !== mode()) return; // the artist is in another mode by now
    const stale = panel.value && panel.value.mode === value.mode && value.session === panel.value.session && value.version < panel.value.version;
    if (stale || (panel.accept && !panel.accept(value, panel))) return;
    if (value.language) document.documentElement.lang = value.language === 'zh' ? 'zh-CN' : value.language;
    const before = panel.value;
    panel.value = value;
    const turned = part(panel).adopt?.(value, panel, before); // whether what the panel keeps to itself has changed
    const seen = JSON.stringify({ ...value, reply: null, version: null });
    if (turned || seen !== panel.seen) redraw(panel.name);
    panel.seen = seen;
    panel.root.dataset.mode = value.mode || '';
  }

  function redraw(name) {
    const panel = panels[name];
    if (!panel?.root || !panel.value) return;
    const fresh = h('section');
    fresh.append(...[part(panel).draw(panel.value, panel)].flat(Infinity).filter(Boolean));
    morph(panel.root, fresh);
    part(panel).drawn?.(panel.value, panel);
  }

  // Whatever carries `data-<kind>` names the handler of its panel: data-click="like" calls `panel.on.like(element, event)`.
  function heard(panel, kind, event) {
    const target = event.target.closest?.(`[data-${kind}]`);
    if (!target || !panel.root.contains(target) || target.disabled) return;
    part(panel).on[target.getAttribute(`data-${kind}`)]?.(target, event);
  }

  // Tells the server and resolves when it has answered. Acts go one after the other, so that none overtakes another.
  function tell(name, act, what = {}) {
    const go = () => new Promise(resolve => {
      const ask = `${Date.now()}-${++asks}`;
      const late = setTimeout(unheard, lost ? PATIENCE / 10 : PATIENCE);
      waiting.set(ask, value => { clearTimeout(late); resolve(value); });
      panels[name].trigger(act, { look: panels.round.value?.round ?? null, doc: Duet.notebook.at(), mode: mode(), ...what, ask });
    });
    queue = queue.then(go, go);
    return queue;
  }

  // The mode that the page is in: what was turned to last, else what the server says, else what the address asks for.
  let turned = null;
  function mode() { return turned || panels.header?.value?.mode || null; }

  function say(message, kind = 'problem') {
    const notice = panels.notice;
    notice.value = { ...(notice.value || {}), message, kind };
    redraw('notice');
  }

  define('notice', {
    on: { close() { say(''); } },
    draw: value => value.message && h('div.notice', { role: 'status', class: value.kind, data: { key: 'notice' } },
      h('p', {}, value.message),
      h('button.icon', { type: 'button', 'aria-label': value.close, data: { click: 'close' } }, icon('close'))),
  });

  const ICONS = {
    close: 'M5 5 15 15 M15 5 5 15',
    heart: 'M10 16.5 3.8 10.3a3.9 3.9 0 0 1 5.5-5.5l.7.7.7-.7a3.9 3.9 0 0 1 5.5 5.5Z',
    cross: 'M4.5 4.5l11 11 M15.5 4.5l-11 11',
    check: 'M4 10.5 8.2 15 16 5.5',
    star: 'm10 2.8 2.2 4.7 5 .7-3.6 3.6.9 5.2L10 14.5 5.5 17l.9-5.2L2.8 8.2l5-.7Z',
    down: 'M10 3v10 M5.5 9 10 13.5 14.5 9 M4 17h12',
    lock: 'M5.5 9h9v7.5h-9Z M7 9V6.5a3 3 0 0 1 6 0V9',
    unlock: 'M5.5 9h9v7.5h-9Z M7 9V6.5a3 3 0 0 1 5.8-1',
    dice: 'M4 4h12v12H4Z M7.5 7.5h.01 M12.5 12.5h.01 M12.5 7.5h.01 M7.5 12.5h.01',
    plus: 'M10 4v12 M4 10h12',
    undo: 'M7.5 4 3.5 8l4 4 M3.5 8h8a4.5 4.5 0 0 1 0 9H8',
    branch: 'M6 3.5v13 M6 12c0-4 8-2 8-6.5 M14 5.5V3.5',
    sun: 'M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7Z M10 1.8v2 M10 16.2v2 M1.8 10h2 M16.2 10h2 M4.2 4.2l1.4 1.4 M14.4 14.4l1.4 1.4 M4.2 15.8l1.4-1.4 M14.4 5.6l1.4-1.4',
    moon: 'M16 12.200A6.8 6.8 0 0 1 7.8 4 6.8 6.8 0 1 0 16 12.2Z',
    stop: 'M5.5 5.5h9v9h-9Z',
    split: 'M10 3v14 M3.5 4.5h13v11h-13Z',
    image: 'M3 4.5h14v11H3Z M3 13l4-4 3.5 3.5 2-2L17 14.5',
    sliders: 'M3 6h8 M15 6h2 M13 4v4 M3 14h2 M9 14h8 M7 12v4',
    grid: 'M3.5 3.5h13v13h-13Z M7.8 3.5v13 M12.2 3.5v13 M3.5 7.8h13 M3.5 12.2h13',
    left: 'M12.5 4.5 7 10l5.5 5.5',
    right: 'M7.5 4.5 13 10l-5.5 5.5',
    redo: 'M12.500 4l4 4-4 4 M16.5 8h-8a4.5 4.5 0 0 0 0 9H12',
    pen: 'M4 16l.8-3.700L13.500 3.600l3 3L7.700 15.2Z M11.500 5.600l3 3',
    copy: 'M7 7h9.500v9.500H7Z M3.500 13V3.500H13',
    people: 'M7 9.500a2.800 2.800 0 1 0 0-5.600 2.800 2.800 0 0 0 0 5.600Z M2 16.500c0-3 2-5 5-5s5 2 5 5 M13 4.200a2.700 2.700 0 0 1 0 5.200 M14.500 11.800c2.200.5 3.500 2.300 3.500 4.700',
    rubber: 'M8 16.5h8.500 M4.200 12.200l6.500-7.200 5 4.600-6.300 6.900H7.500l-3.300-3Z M7.600 8.600l5 4.500',
    move: 'M10 3v14 M3 10h14 M7.500 5.500 10 3l2.500 2.500 M7.500 14.500 10 17l2.500-2.500 M5.500 7.500 3 10l2.500 2.500 M14.500 7.500 17 10l-2.500 2.500',
    brush: 'M17 3c-3.500 1.500-7 4.700-8.700 7.800l1.900 1.900C13.300 11 16 7 17 3Z M8 11.200c-2.300-.200-3.300 1-3.500 2.800-.100 1-.600 1.900-1.500 2.500 3.400.800 6.500-.400 6.800-3.500',
    pause: 'M7 4.5v11 M13 4.5v11',
    play: 'M6.5 4.5 15.5 10l-9 5.500Z',
    here: 'M10 3v14 M7 3h6 M7 17h6',
    words: 'M3.5 5.5h13 M3.5 10h13 M3.5 14.5h8',
    larger: 'M11.5 3.5h5v5 M16.5 3.5 11 9 M8.5 16.5h-5v-5 M3.5 16.5 9 11',
    onward: 'M4 10h11 M10.500 5.500 15 10l-4.500 4.500',
    parent: 'M5 3.500v2.500a5 5 0 0 0 10 0V3.500 M10 11v6 M7.500 14.500 10 17l2.500-2.500',
    family: 'M8 3h4v4H8Z M3 13h4v4H3Z M13 13h4v4h-4Z M10 7v3 M5 13v-3h10v3',
    layers: 'M10 3.500 17 7l-7 3.500L3 7Z M3 10.300l7 3.500 7-3.500 M3 13.500 10 17l7-3.500',
  };
  const SHAPES = {
    circle: 'M10 4.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11Z',
    triangle: 'M10 4 16.5 15.5h-13Z',
    diamond: 'M10 3.5 16.5 10 10 16.5 3.5 10Z',
    star: 'm10 2.5 1.6 5.9 5.9 1.6-5.9 1.600L10 17.5l-1.6-5.900L2.5 10l5.9-1.6Z',
  };

  function icon(name) {
    return h('svg.i', { viewBox: '0 0 20 20', 'aria-hidden': 'true', data: { icon: name } }, h('path', { d: ICONS[name] }));
  }

  function shape(name) {
    return h('svg.shape', { viewBox: '0 0 20 20', 'aria-hidden': 'true' }, h('path', { d: SHAPES[name] }));
  }

  // "Lock {name}" with its names filled in; the templates are ours, the values may be anybody's.
  function fill(template, values) { return template.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? ''); }

  const store = {
    get(key) { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } },
    set(key, value) { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* private windows may refuse */ } },
  };

  // ── Light and dark: the system's choice until the artist makes one ────────────────────────────────────────────────
  function dark() {
    const chosen = store.get('duet-theme');
    return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  }
  function paint() {
    document.documentElement.dataset.theme = dark() ? 'dark' : 'light';
    document.body.classList.toggle('dark', dark());
    redraw('header');
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paint);
  paint();

  // Gradio tells of a lost connection by a red "Error" of its own, in English. It is hidden; we say it in the page's words.
  new MutationObserver(changes => {
    const told = changes.some(each => [...each.addedNodes].some(node => node.querySelector && (node.matches('.toast-body') || node.querySelector('.toast-body'))));
    if (!told) return;
    unheard();
    Duet.pending(false);
  }).observe(document.documentElement, { childList: true, subtree: true });

  window.Duet = {
    h, morph, define, mount, redraw, tell, say, icon, shape, fill, store, dark, panels, mode,
    turned(to) { turned = to; document.body.dataset.mode = to; },
    flip() { store.set('duet-theme', dark() ? 'light' : 'dark'); paint(); },
    value: name => panels[name]?.value,
  };
})();
