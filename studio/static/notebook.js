// The notebook: the artist's text. It is kept as it is typed; behind it lies the same text, line by line, which shows whose words are whose.
(() => {
  const { h, define, tell, say, icon, fill, store, redraw } = Duet;
  const REST = 1000, LONG = 200000; // milliseconds without a key after which it is kept, and characters from which that takes three times as long
  const PAGE = `${Date.now()}-${Math.random()}`; // which page writes: one that never heard an answer tries again
  let session = null, turn = 0; // which writing was sent last
  let text = '', spans = [];   // as they stand here: [{text, by}], by null for the artist, 'given', or a variant
  let base = null, kept = '';  // the number of the newest act that the studio told of, and the text as it was then
  let here = null;             // where the next texts go on, null for the end
  let shade = Boolean(store.get('duet-shade'));
  let state = 'saved';         // or 'saving', 'unsaved'
  let waits = null, drawing = false, saving = Promise.resolve();
  let sending = false, held = null; // while the studio is told, what it tells of the notebook waits for its answer
  let room = null, counted = 0;

  const value = () => Duet.value('notebook');
  const area = () => document.querySelector('.duet-notebook textarea');
  const joined = list => list.map(each => each.text).join('');
  const isDirty = () => text !== kept;

  // ── What changed: the one piece in which two texts differ, never through the middle of a character ────────────────────
  function alike(one, other, most) { // how many characters two texts begin with alike, by halving
    let low = 0, high = most;
    while (low < high) { const middle = (low + high + 1) >> 1; if (one.slice(low, middle) === other.slice(low, middle)) low = middle; else high = middle - 1; }
    return low;
  }
  const half = (whole, at) => at > 0 && at < whole.length && /[\udc00-\udfff]/.test(whole[at]) && /[\ud800-\udbff]/.test(whole[at - 1]);
  function splice(old, now) {
    const most = Math.min(old.length, now.length);
    let at = alike(old, now, most);
    if (half(old, at) || half(now, at)) at -= 1;
    let low = 0, high = most - at;
    while (low < high) { const middle = (low + high + 1) >> 1; if (old.slice(old.length - middle) === now.slice(now.length - middle)) low = middle; else high = middle - 1; }
    if (half(old, old.length - low) || half(now, now.length - low)) low -= 1;
    return { at, cut: old.length - low - at, put: now.slice(at, now.length - low) };
  }
  function moved(place, piece) { // where a place of the old text lies in the new one
    if (place >= piece.at + piece.cut) return place + piece.put.length - piece.cut;
    return Math.min(place, piece.at + piece.put.length);
  }
  function put(list, piece, by) { // the spans with a piece cut out and put in
    const out = [];
    let at = 0, done = false;
    const add = (words, whose) => {
      if (!words) return;
      const last = out.at(-1);
      if (last && JSON.stringify(last.by) === JSON.stringify(whose)) out[out.length - 1] = { text: last.text + words, by: whose };
      else out.push({ text: words, by: whose });
    };
    for (const each of list) {
      const end = at + each.text.length, from = Math.min(Math.max(piece.at - at, 0), each.text.length), to = Math.min(Math.max(piece.at + piece.cut - at, 0), each.text.length);
      add(each.text.slice(0, from), each.by);
      if (!done && piece.at <= end) { add(piece.put, by); done = true; }
      add(each.text.slice(Math.max(from, to)), each.by);
      at = end;
    }
    if (!done) add(piece.put, by);
    return out;
  }

  // ── In and out ──────────────────────────────────────────────────────────────────────────────────────────────────────
  function typed() {
    const box = area(), piece = splice(text, box.value);
    if (!piece.cut && !piece.put) return; // an undo that found nothing says so too
    undone = null;
    text = box.value;
    spans = put(spans, piece, null);
    if (here !== null) here = here >= text.length ? null : moved(here, piece);
    mark('unsaved');
    soon();
    paint();
  }

  function mark(now) {
    if (state === now) return;
    state = now;
    const shown = document.querySelector('.duet-notebook .kept');
    if (shown && value()) shown.textContent = value().text[state];
    document.querySelector('.duet-notebook .undo')?.toggleAttribute('disabled', !undoable());
  }

  function soon() {
    clearTimeout(waits);
    waits = setTimeout(flush, text.length > LONG ? 3 * REST : REST);
  }

  function flush() {
    clearTimeout(waits);
    saving = saving.then(keep, keep);
    return saving;
  }

  async function keep() {
    if (!session || !isDirty()) return;
    const sent = text, mine = session;
    mark('saving');
    let found = null;
    sending = true;
    try {
      const answer = await fetch(`duet/${session}/write?lang=${value().language}`, { method: 'POST', body: JSON.stringify({ text: sent, base, page: PAGE, turn: ++turn }) });
      found = await answer.json();
    } catch { found = { error: value().text.lost }; }
    sending = false;
    if (mine !== session) return;
    if (found.error) { mark('unsaved'); say(found.error); waits = setTimeout(flush, 5 * REST); } else { took(found.spans, found.at, sent); turns(found); }
    if (held && held.session === session && held.at > base) took(held.spans, held.at, kept);
    held = null;
    Duet.textForm.measure();
  }

  // What the studio has now, which came from `sent`: what was typed meanwhile is put on top of it.
  function took(list, at, sent) {
    const merged = joined(list), later = splice(sent, text), since = text !== sent;
    [base, kept] = [at, merged];
    if (since) {
      const between = splice(sent, merged);
      const piece = { ...later, at: moved(later.at, between) };
      show(put(list, piece, null), merged !== sent);
      soon();
    } else show(list, merged !== sent);
    mark(isDirty() ? 'unsaved' : 'saved');
  }

  function show(list, anew) { // the text and its authors; `anew` where the box does not hold it yet
    spans = list;
    const now = joined(list);
    if (anew || now !== text) {
      const box = area(), piece = splice(text, now);
      if (here !== null) here = moved(here, piece);
      if (here !== null && here >= now.length) here = null;
      text = now;
      if (box && box.value !== now) {
        const [from, to, end] = [box.selectionStart, box.selectionEnd, box.selectionStart >= box.value.length];
        box.value = now;
        box.setSelectionRange(end ? now.length : moved(from, piece), end ? now.length : moved(to, piece));
        if (piece.put) requestAnimationFrame(() => reveal(piece.at + piece.put.length));
      }
    }
    paint();
  }

  function reveal(at) { // what was put there comes into view, if it is not
    const lines = document.querySelector('.duet-notebook .lines'), page = document.querySelector('.duet-notebook .page');
    if (!lines || !page) return;
    const line = lines.children[text.slice(0, at).split('\n').length - 1];
    if (!line) return;
    const bottom = line.getBoundingClientRect().bottom - page.getBoundingClientRect().bottom;
    if (bottom > -24) page.scrollTop += bottom + 48;
  }

  function turns({ undo, redo }) { // the way back, told without asking for all panels
    for (const name of ['notebook', 'history']) {
      const panel = Duet.panels[name];
      if (panel?.value && (panel.value.undo !== undo || panel.value.redo !== redo)) { Object.assign(panel.value, { undo, redo }); redraw(name); }
    }
  }
  const undoable = () => Boolean(value()?.undo) || isDirty();

  function leaving() { // the page goes away with something that was not kept yet
    if (!session || !isDirty()) return;
    const body = JSON.stringify({ text, base, page: PAGE, turn: ++turn });
    if (!navigator.sendBeacon(`duet/${session}/write`, body)) store.set(`duet-unsaved-${session}`, { text, base, page: PAGE, turn });
  }
  addEventListener('pagehide', leaving);
  addEventListener('pageshow', event => { if (event.persisted) location.reload(); }); // what it has may be old
  document.addEventListener('visibilitychange', () => { if (document.hidden) flush(); });

  function restored() { // what a browser kept that had no time to send it
    const left = store.get(`duet-unsaved-${session}`);
    if (!left) return;
    try { localStorage.removeItem(`duet-unsaved-${session}`); } catch { /* it is tried again next time */ }
    fetch(`duet/${session}/write`, { method: 'POST', body: JSON.stringify(left) }).then(() => tell('history', 'look'));
  }

  // ── The lines behind the text ───────────────────────────────────────────────────────────────────────────────────────
  function paint() { if (!drawing) { drawing = true; requestAnimationFrame(() => { drawing = false; lines(); count(); }); } }

  function segments() { // for each line its pieces: [class, text]
    const out = [[]];
    let at = 0;
    const add = (words, kind) => words.split('\n').forEach((part, step) => { if (step) out.push([]); if (part) out.at(-1).push([kind, part]); });
    for (const each of spans) {
      const kind = !each.by ? '' : each.by === 'given' ? 'given' : 'machine', cut = here === null ? Infinity : here - at;
      add(each.text.slice(0, Math.max(0, cut)), kind);
      if (cut < each.text.length) add(each.text.slice(Math.max(0, cut)), `${kind} aside`);
      at += each.text.length;
    }
    return out;
  }

  function lines() {
    const root = document.querySelector('.duet-notebook .lines');
    if (!root) return;
    const wanted = segments(), keys = wanted.map(line => line.map(([kind, part]) => `${kind}\u0001${part}`).join('\u0002'));
    const old = root.keys || [];
    let from = 0, till = 0;
    while (from < old.length && from < keys.length && old[from] === keys[from]) from += 1;
    while (till < old.length - from && till < keys.length - from && old[old.length - 1 - till] === keys[keys.length - 1 - till]) till += 1;
    const fresh = wanted.slice(from, wanted.length - till).map(line => h('div', {}, line.length ? line.map(([kind, part]) => h('span', { class: kind || null }, part)) : h('br', {})));
    const before = root.children[old.length - till] || null;
    for (let at = old.length - till - 1; at >= from; at -= 1) root.children[at].remove();
    for (const line of fresh) root.insertBefore(line, before);
    root.keys = keys;
  }

  // Words as a word processor counts them; characters where a script has no spaces. The export counts by the same rule.
  const NO_SPACES = '\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}';
  const WORD = new RegExp(`[${NO_SPACES}]|(?:(?![${NO_SPACES}])[\\p{L}\\p{N}])+(?:['’\\-](?:(?![${NO_SPACES}])[\\p{L}\\p{N}])+)*`, 'gu');
  const words = whole => { let found = 0; for (const _ of whole.matchAll(WORD)) found += 1; return found; };
  let counts = null;
  function count() {
    clearTimeout(counts);
    counts = setTimeout(() => { counted = words(text); foot(); }, text.length > LONG ? 400 : 0);
  }

  function foot() {
    const root = document.querySelector('.duet-notebook .figures'), told = value();
    if (!root || !told) return;
    root.replaceChildren(h('span', {}, fill(told.text.count_words, { count: counted.toLocaleString(told.language) })), ...(room?.told ? [h('span', { class: room.over ? 'over' : '', role: room.over ? 'status' : null }, room.told)] : []));
  }

  // ── Keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────
  let undone = null; // an undo that the browser may still do itself
  function key(box, event) {
    const control = event.ctrlKey || event.metaKey, letter = event.key.toLowerCase();
    if (control && event.key === 'Enter') { event.preventDefault(); Duet.again(); return; }
    if (!control || event.altKey || (letter !== 'z' && letter !== 'y')) return;
    const act = letter === 'y' || event.shiftKey ? 'redo' : 'undo';
    undone = act;
    setTimeout(() => { if (undone) { undone = null; Duet[act](); } }, 0); // nothing that was typed was left to undo
  }

  function on(box, at) {
    here = at === null || at >= box.value.length ? null : at;
    redraw('notebook');
    paint();
    Duet.textForm.measure(0);
  }

  define('notebook', {
    on: {
      typed,
      key,
      undo() { Duet.undo(); }, redo() { Duet.redo(); },
      shade() { shade = !shade; store.set('duet-shade', shade); redraw('notebook'); },
      who() { flush().then(Duet.who); },
      here() { on(area(), area().selectionStart); }, end() { on(area(), null); area().focus(); },
    },
    mounted(panel) {
      panel.root.addEventListener('focusout', event => { if (event.target.matches('textarea')) flush(); });
      document.addEventListener('selectionchange', () => { if (document.activeElement === area()) cursor(); });
    },
    adopt(told) {
      if (told.session !== session) {
        [session, text, spans, base, kept, here, room] = [told.session, '', [], null, '', null, null];
        if (area()) area().value = '';
        if (told.spans) took(told.spans, told.at, text);
        restored();
        return true;
      }
      if (told.spans && told.at !== base && sending) held = told;
      else if (told.spans && told.at !== base) { took(told.spans, told.at, kept); Duet.textForm.measure(); redraw('brief'); }
      return false;
    },
    draw(told) {
      const words = told.text;
      const tool = (name, glyph, label, props = {}) => h('button.icon', { type: 'button', class: name, title: label, 'aria-label': label, data: { click: name }, ...props }, icon(glyph));
      return [
        h('header.top', { data: { key: 'top' } }, h('h2', {}, words.notebook), h('span.kept', { role: 'status', data: { own: 'true', key: `kept-${told.language}` } }, words[state]),
          h('div.tools', {},
            tool('undo', 'undo', told.undo || words.undo, { disabled: !undoable() }), tool('redo', 'redo', words.redo, { disabled: !told.redo }),
            h('button.quiet.shade', { type: 'button', 'aria-pressed': String(shade), title: words.who_shade, data: { click: 'shade' } }, words.who_shade),
            tool('who', 'people', words.who))),
        h('div.page', { class: shade ? 'shaded' : '', data: { key: 'page' } }, h('div.paper', { data: { own: 'true', key: 'paper' } },
          h('div.lines', { 'aria-hidden': 'true', dir: 'auto' }),
          h('textarea', { dir: 'auto', spellcheck: 'true', 'aria-label': words.notebook_label, placeholder: words.notebook_empty, data: { input: 'typed', keydown: 'key' } }))),
        h('div.foot', { data: { key: 'foot' } }, h('span.figures', { data: { own: 'true', key: 'figures' } }),
          here === null
            ? h('button.quiet.here', { type: 'button', hidden: true, data: { click: 'here', key: 'here' } }, icon('here'), words.write_on_here)
            : [h('span.aside-told', {}, words.set_aside), h('button.quiet', { type: 'button', data: { click: 'end', key: 'end' } }, words.write_on_end)]),
      ];
    },
    drawn() {
      const box = area();
      if (box && box.value !== text) { box.value = text; box.setSelectionRange(text.length, text.length); }
      cursor();
      paint();
    },
  });

  function cursor() { // in the middle of the text one may write on from there
    const button = document.querySelector('.duet-notebook .here'), box = area();
    if (button) button.hidden = !box || !text.trim() || box.selectionStart === 0 || box.selectionStart >= text.trimEnd().length;
  }

  Duet.notebook = {
    at: () => (value()?.session === session ? base : null), text: () => text, flush,
    place: () => (here === null ? null : [...text.slice(0, here)].length), // in whole characters, as the studio counts
    // What a template works on: what is selected, else of a rewriting the last paragraph, else all that stands before the place.
    about(template) {
      const box = area(), end = here === null ? text.length : here, chars = to => [...text.slice(0, to)].length;
      let [from, to] = box && template ? [box.selectionStart, box.selectionEnd] : [0, 0];
      if (from === to && template.includes('{style}')) {
        to = text.slice(0, end).trimEnd().length;
        from = text.lastIndexOf('\n', to - 1) + 1;
      }
      if (!text.slice(from, to).trim()) return { at: this.place(), since: null };
      to -= text.slice(from, to).length - text.slice(from, to).trimEnd().length;
      return { at: chars(to), since: chars(from) };
    },
    async put(paragraph) { // at the end, on a line of its own, and selected: what is asked next is asked of it
      const box = area(), before = text.trimEnd();
      box.value = before ? `${before}\n\n${paragraph}` : paragraph;
      typed();
      here = null;
      box.focus();
      box.setSelectionRange(box.value.length - paragraph.length, box.value.length);
      await flush();
    },
    room(found) { room = found; foot(); },
    words,
  };
})();
