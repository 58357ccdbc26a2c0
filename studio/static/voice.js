// A voice of one's own: texts to learn from, and the training as it goes, drawn while it does.
(() => {
  const { h, define, icon, fill, redraw, panels } = Duet;
  const { ask, arrived, shelf, file, hear, handlers } = Duet.own;
  const PAUSE = 700;            // milliseconds between two looks at a training
  const WIDE = 560, HIGH = 200; // of the drawing
  const root = document.body.appendChild(h('section.duet-own', { id: 'duet-voice' }));
  const WORD = /[\u3040-\u30ff\u3400-\u9fff]|[^\W_]+(?:['’-]\w+)*/gu;
  let open = false, now = null, texts = [], draft = { name: '', pasted: '', own: false, settings: {} }, problem = '', waits = null, shown = '', sure = false;

  const value = () => Duet.value('brief');
  const words = () => value().own;
  const count = text => (text.match(WORD) || []).length;
  const active = () => now && ['waiting', 'running'].includes(now.status);
  const idle = () => !now || ['none', 'done'].includes(now.status) || (now.status === 'failed' && !now.step && !now.total);

  async function voice() {
    const before = document.activeElement;
    [open, problem, sure] = [true, '', false];
    panels.voice.value = {};
    await look();
    Duet.modal.enter(root, root.querySelector('.act.shut'), before);
  }

  function close() {
    if (!open) return;
    open = false;
    clearTimeout(waits);
    redraw('voice');
    Duet.modal.leave();
  }

  async function look() {
    clearTimeout(waits);
    take(await ask('voice'));
  }

  function take(found) {
    const before = now?.status;
    if (found.error !== undefined && !found.status) problem = found.error;
    else { now = found; problem = found.error || ''; }
    if (now?.status === 'done' && now.sha256 && shown !== now.sha256) {
      shown = now.sha256;
      if (['waiting', 'running'].includes(before)) arrived('adapter', now.sha256).then(() => redraw('voice'));
    }
    redraw('voice');
    if (open && active()) waits = setTimeout(look, PAUSE);
  }

  async function act(name, said = {}) { sure = false; take(await ask(`voice/${name}`, said)); }

  const learned = () => [...texts.map(each => each.text), ...(draft.pasted.trim() ? [draft.pasted] : [])];
  const total = () => learned().reduce((sum, each) => sum + count(each), 0) + (draft.own ? now?.own || 0 : 0);

  async function read(files) {
    for (const each of files) {
      const text = new TextDecoder('utf-8', { fatal: true });
      try { texts.push({ name: each.name, text: text.decode(await each.arrayBuffer()).replace(/^\uFEFF/, '') }); } catch { problem = fill(words().own_no_text, { name: each.name }); }
    }
    draft.name ||= texts[0]?.name.replace(/\.\w+$/, '') || '';
    redraw('voice');
  }

  // ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  // Loss and perplexity on one scale: perplexity is the exponential of a loss, so its logarithm lies beside it.
  function chart() {
    const text = words(), dots = now.scores.map(([step, found]) => [step, Math.log(found)]), all = [...now.losses, ...dots].map(([, each]) => each);
    if (all.length < 2) return null;
    const low = Math.min(...all) - 0.05, high = Math.max(...all) + 0.05, last = Math.max(now.total, 1);
    const x = step => 8 + (WIDE - 16) * step / last, y = each => 8 + (HIGH - 16) * (high - each) / (high - low);
    const line = points => points.map(([step, each], at) => `${at ? 'L' : 'M'}${x(step).toFixed(1)} ${y(each).toFixed(1)}`).join(' ');
    const told = now.scores.at(-1)?.[1];
    return h('figure.curve', {},
      h('svg', { viewBox: `0 0 ${WIDE} ${HIGH}`, role: 'img', 'aria-label': told ? fill(text.own_curve, { perplexity: told.toFixed(1) }) : text.own_loss },
        h('line.axis', { x1: 8, x2: WIDE - 8, y1: HIGH - 8, y2: HIGH - 8 }),
        h('path.loss', { d: line(now.losses) }), now.losses.length === 1 && h('circle.loss', { cx: x(now.losses[0][0]), cy: y(now.losses[0][1]), r: 3 }), h('path.score', { d: line(dots) }), dots.map(([step, each]) => h('circle.score', { cx: x(step), cy: y(each), r: 3 }))),
      h('figcaption', {}, h('span.loss', {}, fill(text.own_loss_now, { loss: now.losses.at(-1)?.[1].toFixed(2) ?? '–' })),
        h('span.score', {}, fill(text.own_curve, { perplexity: now.scores.map(([, each]) => each.toFixed(1)).filter((_, at, list) => at === 0 || at === list.length - 1).join(' → ') }))));
  }

  function clock(seconds) { return seconds === null || seconds === undefined ? '–' : `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`; }

  function progress() {
    const text = words(), status = { waiting: text.own_waiting, running: now.step ? fill(text.own_running, { step: now.step, total: now.total, left: clock(now.left) }) : text.own_reading,
      stopped: now.step ? fill(text.own_stopped, { step: now.step, total: now.total }) : text.own_unbegun, failed: '' }[now.status];
    const act = (name, label, kind = 'quiet') => h(`button.act.${kind}`, { type: 'button', data: { click: name } }, label);
    return [
      h('p.status', { role: 'status' }, h('b', {}, now.name), ' ', status),
      active() && h('progress', { max: now.total || 1, value: now.step || null, 'aria-label': now.name }),
      chart(),
      now.samples.length > 0 && h('div.samples', {}, now.samples.map(each => h('div', {}, h('h3', {}, text[`own_${each.when}`]), h('p', { dir: 'auto' }, h('i', {}, each.prompt), each.text)))),
      problem && h('p.problem', { role: 'alert' }, problem),
      h('footer', {}, active() ? act('stop', text.own_stop) : [act('discard', sure ? text.own_sure : text.own_discard), act('go', text.own_go, 'use')]),
    ];
  }

  function setting(spec) {
    const at = draft.settings[spec.name] ?? spec.value;
    return h('label.field', { title: spec.help }, h('span', {}, spec.label), h('input', { type: 'number', min: spec.low, max: spec.high, step: 'any', value: at, data: { change: 'setting', name: spec.name } }));
  }

  function asking() {
    const text = words(), [plain, more] = [true, false].map(first => (now?.settings || []).filter(each => (each.name === 'minutes') === first));
    return [
      now?.status === 'done' && [h('p.status', { role: 'status' }, h('b', {}, now.name), ' ', text.own_done), chart(),
        h('div.samples', {}, now.samples.map(each => h('div', {}, h('h3', {}, text[`own_${each.when}`]), h('p', { dir: 'auto' }, h('i', {}, each.prompt), each.text))))],
      h('p', {}, text.own_voice_hint),
      shelf('adapter'),
      h('input', { type: 'text', dir: 'auto', maxlength: 100, placeholder: text.own_voice_name, 'aria-label': text.own_voice_name, value: draft.name, data: { input: 'typed', name: 'name' } }),
      h('div.sources', { data: { dragover: 'over', drop: 'dropped' } },
        h('label.link.file', {}, text.own_texts, h('input', { type: 'file', multiple: true, accept: '.txt,.md,.markdown,text/plain', data: { change: 'texts' } })),
        texts.map((each, at) => h('p.source', {}, each.name, ' ', h('small', {}, fill(text.own_words, { count: count(each.text) })),
          h('button.icon', { type: 'button', 'aria-label': fill(text.own_away, { name: each.name }), data: { click: 'drop', at } }, icon('close')))),
        h('textarea', { rows: 5, dir: 'auto', placeholder: text.own_paste, 'aria-label': text.own_paste, data: { input: 'typed', name: 'pasted' } }, draft.pasted),
        h('label.check', {}, h('input', { type: 'checkbox', checked: draft.own, disabled: !now?.own, data: { change: 'mine' } }), ' ', fill(text.own_mine, { count: now?.own || 0 }))),
      plain.map(setting),
      h('details', { data: { key: 'training-more' } }, h('summary', {}, value().text.more), more.map(setting)),
      h('p.total', {}, fill(text.own_total, { count: total() })),
      problem && h('p.problem', { role: 'alert' }, problem),
      h('footer', {}, file('.safetensors'), h('button.act.use', { type: 'button', data: { click: 'begin' } }, text.own_begin)),
    ];
  }

  define('voice', {
    root, value: {}, isOpen: () => open,
    on: {
      ...handlers, close,
      typed(input) { draft[input.dataset.name] = input.value; redraw('voice'); },
      mine(input) { draft.own = input.checked; redraw('voice'); },
      setting(input) { draft.settings[input.dataset.name] = Number(input.value); },
      texts(input) { read(input.files); input.value = ''; },
      over(element, event) { event.preventDefault(); },
      dropped(element, event) { event.preventDefault(); read(event.dataTransfer.files); },
      drop(button) { texts.splice(Number(button.dataset.at), 1); redraw('voice'); },
      begin() { act('begin', { name: draft.name, texts: learned(), own: draft.own, settings: draft.settings }); },
      stop() { act('stop').then(look); }, go() { act('go'); },
      discard() { if (!sure) { sure = true; redraw('voice'); return; } act('discard'); },
    },
    draw() {
      if (!open) return [];
      return h('div.veil', { data: { click: 'outside' } }, h('div.sheet.help.wide', { role: 'dialog', 'aria-modal': 'true', 'aria-label': words().own_voice_title },
        h('header', {}, h('h2', {}, words().own_voice_title), h('button.act.shut', { type: 'button', 'aria-label': value().text.close, data: { click: 'close' } }, icon('close'))),
        idle() ? asking() : progress()));
    },
  });
  panels.voice.root = root;
  hear(root, 'voice');
  Duet.own.voice = voice;
})();
