// What is an artist's own for the writer: a sheet over the page where axes are made from examples, and what there is gets a name.
(() => {
  const { h, define, icon, fill, redraw, panels, tell } = Duet;
  const root = document.body.appendChild(h('section.duet-own', { id: 'duet-own' }));
  const blank = () => ({ name: '', high: '', low: '', positive: '', negative: '' });
  const SHEETS = ['voice', 'learn', 'gan', 'hands', 'painter'];
  const MOST = 40; // judged texts that are filled in: the latest
  let open = false, draft = blank(), problem = '', busy = false, judged = null;

  const value = () => Duet.value('brief');
  const words = () => value().own;
  const where = (path, query = '') => `duet/${value().session}/${path}?lang=${value().language}${query}`;

  // Asks the studio; what goes wrong comes back as {error: words}.
  async function ask(path, body, headers) {
    try {
      const answer = await fetch(where(path), body === undefined ? {} : { method: 'POST', headers, body: headers ? body : JSON.stringify(body) });
      return await answer.json();
    } catch { return { error: panels.header.value.text.lost }; }
  }

  // Examples stand in paragraphs, or where there is only one, on lines.
  function parted(text) {
    const cut = by => text.split(by).map(each => each.trim()).filter(Boolean);
    const paragraphs = cut(/\n\s*\n/);
    return paragraphs.length > 1 ? paragraphs : cut(/\n/);
  }

  async function act(work) {
    if (busy) return;
    [busy, problem] = [true, ''];
    redraw('own');
    const found = await work();
    busy = false;
    problem = found.error || '';
    redraw('own');
    return found.error ? null : found;
  }

  async function make() {
    const sides = { positive: parted(draft.positive), negative: parted(draft.negative) };
    const found = await act(() => ask('axis', { name: draft.name, poles: [draft.high, draft.low], ...sides }));
    if (!found) return;
    draft = blank();
    await arrived('axis', found.sha256);
    close();
  }

  // A file of the artist's own is here: it gets a slider of its own.
  async function arrived(kind, sha) {
    await tell('history', 'look');
    Duet.textForm.begin(`${kind}:sha256:${sha}`);
  }

  async function bring(file) {
    const found = await act(() => ask('keep', file, { 'X-Name': encodeURIComponent(file.name), 'X-Mode': 'text' }));
    if (!found) return;
    await tell('history', 'look');
    const kept = value().kept.find(each => each.sha256 === found.sha256);
    if (kept) Duet.textForm.begin(`${kept.what}:sha256:${found.sha256}`);
  }

  async function shelve(sha, name) {
    const what = value().kept.find(each => each.sha256 === sha)?.what;
    if (await act(() => ask('shelve', { sha256: sha, name }))) { if (name === null) Duet.textForm.end(`${what}:sha256:${sha}`); await tell('history', 'look'); redraw('own'); redraw('voice'); }
  }

  // The artist's own of a kind: names to be changed, facts, the file to take along, and away with it.
  function shelf(kind) {
    const text = words(), mine = value().kept.filter(each => each.what === kind);
    return mine.length > 0 && h('ul.shelf', {}, mine.map(each => h('li', { data: { key: each.sha256 } },
      h('input', { type: 'text', dir: 'auto', value: each.name, maxlength: 120, 'aria-label': fill(text.own_rename, { name: each.name }), title: fill(text.own_rename, { name: each.name }), data: { change: 'rename', sha: each.sha256 } }),
      h('small', {}, fact(each)),
      h('a.icon', { href: `duet/${value().session}/${each.sha256}?download=${encodeURIComponent(each.name + (kind === 'axis' ? '.json' : '.safetensors'))}`, download: '', 'aria-label': fill(text.own_download, { name: each.name }), title: fill(text.own_download, { name: each.name }) }, icon('down')),
      h('button.icon', { type: 'button', 'aria-label': fill(text.own_away, { name: each.name }), title: fill(text.own_away, { name: each.name }), data: { click: 'away', sha: each.sha256 } }, icon('close')))));
  }

  function fact({ what, about }) {
    if (what === 'axis') return about.low ? `${about.low} – ${about.high}` : '';
    return about.after ? fill(words().own_learned, { words: Math.round(about.words), before: about.before.toFixed(1), after: about.after.toFixed(1) }) : '';
  }

  const handlers = {
    rename(input) { const name = input.value.trim(); if (name) shelve(input.dataset.sha, name); else input.value = input.defaultValue; },
    away(button) { shelve(button.dataset.sha, null); },
    bring(input) { if (input.files[0]) bring(input.files[0]); input.value = ''; },
    outside(element, event) { if (event.target === element) this.close(); },
  };

  function file(accept) {
    return h('label.link.file', {}, words().own_file, h('input', { type: 'file', accept, data: { change: 'bring' } }));
  }

  // ── Axes ────────────────────────────────────────────────────────────────────────────────────────────────────────────
  async function axis() {
    const before = document.activeElement;
    [open, problem] = [true, ''];
    panels.own.value = {};
    redraw('own');
    Duet.modal.enter(root, root.querySelector('input[data-name="name"]'), before);
    await tell('history', 'look'); // what was said just now counts
    judged = await ask('judged');
    redraw('own');
  }

  function close() {
    if (!open) return;
    open = false;
    redraw('own');
    Duet.modal.leave();
  }

  function pole(side, name, label) {
    const text = words(), count = parted(draft[side]).length;
    return h('div.pole', {},
      h('input', { type: 'text', dir: 'auto', maxlength: 100, placeholder: label, 'aria-label': label, value: draft[name], data: { input: 'typed', name } }),
      h('textarea', { rows: 8, dir: 'auto', placeholder: text.own_examples, 'aria-label': `${draft[name] || label}: ${text.own_examples}`, data: { input: 'typed', name: side } }, draft[side]),
      h('small', { class: count < 2 ? 'few' : '' }, fill(text.own_count, { count })));
  }

  define('own', {
    root, value: {},
    on: {
      ...handlers, close, make,
      typed(input) { draft[input.dataset.name] = input.value; redraw('own'); },
      fill() {
        for (const [side, found] of [['positive', judged.liked], ['negative', judged.disliked]]) {
          const whole = found.slice(0, MOST).map(each => each.replace(/\n\s*\n/g, '\n')); // a paragraph is an example
          draft[side] = [draft[side].trim(), ...whole].filter(Boolean).join('\n\n');
        }
        draft.high ||= words().own_liked;
        draft.low ||= words().own_disliked;
        redraw('own');
      },
    },
    draw() {
      if (!open) return [];
      const text = words(), enough = judged && !judged.error && judged.liked.length > 1 && judged.disliked.length > 1;
      const told = judged && !judged.error ? fill(text.own_judged, { liked: judged.liked.length, disliked: judged.disliked.length }) : '';
      return h('div.veil', { data: { click: 'outside' } }, h('div.sheet.help.wide', { role: 'dialog', 'aria-modal': 'true', 'aria-label': text.own_axis_title },
        h('header', {}, h('h2', {}, text.own_axis_title), h('button.act.shut', { type: 'button', 'aria-label': value().text.close, data: { click: 'close' } }, icon('close'))),
        h('p', {}, text.own_axis_hint),
        shelf('axis'),
        h('input', { type: 'text', dir: 'auto', maxlength: 100, placeholder: text.own_name, 'aria-label': text.own_name, value: draft.name, data: { input: 'typed', name: 'name' } }),
        h('div.poles', {}, pole('negative', 'low', text.own_low), pole('positive', 'high', text.own_high)),
        h('p.small', {}, h('button.quiet', { type: 'button', disabled: !enough, data: { click: 'fill' } }, text.own_fill), ' ', told),
        problem && h('p.problem', { role: 'alert' }, problem),
        h('footer', {}, file('.json'), h('button.act.use', { type: 'button', disabled: busy, data: { click: 'make' } }, text.own_make))));
    },
  });
  panels.own.root = root;

  // A sheet hears what happens in it, as the panels do.
  function hear(root, name) {
    for (const kind of ['click', 'input', 'change', 'keydown', 'dragover', 'drop'])
      root.addEventListener(kind, event => {
        const target = event.target.closest(`[data-${kind}]`);
        if (target && !target.disabled) panels[name].on[target.getAttribute(`data-${kind}`)]?.(target, event);
      });
    root.addEventListener('keydown', event => { if (event.key === 'Escape') { event.stopPropagation(); event.target.blur(); Duet.own.close(); } }); // in a field, too, of which what was typed is kept
  }
  hear(root, 'own');

  Duet.own = { axis, ask, arrived, shelf, file, hear, handlers, isOpen: () => open || SHEETS.some(name => panels[name]?.isOpen()), close() { close(); for (const name of SHEETS) panels[name]?.on.close(); } };
})();
