// Styles of one's own: learned from a picture while the artist works on, brought along as files, named, taken along, put away.
(() => {
  const { h, define, icon, fill, redraw, panels, say, store, tell } = Duet;
  const { ask, hear } = Duet.own;
  const PAUSE = 1000; // milliseconds between two looks at a training
  const MINUTES = [4, 8, 15, 30, 60];
  const ENOUGH = 100;  // steps after which a style is at least at home in its picture
  const root = document.body.appendChild(h('section.duet-own.duet-learn', { id: 'duet-learn' }));
  const blank = () => ({ picture: '', name: '', named: false, settings: {} });
  let open = false, session = '', language = '', now = null, settings = [], draft = blank(), problem = '', busy = false, waits = null, sure = false, text = {};

  const form = () => Duet.styleForm;
  const active = () => now && ['waiting', 'running'].includes(now.status);
  const unfinished = () => active() || now?.status === 'stopped' || (now?.status === 'failed' && now.step > 0);
  const key = () => `duet-learning-${session}`; // whether this browser waits for a style to be learned
  const clock = seconds => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
  const stem = name => name.replace(/\.[^.]*$/, '') || name;

  // ── What the studio says ────────────────────────────────────────────────────────────────────────────────────────────
  function adopt(value) { // the page of a session came, or came back
    text = value.text;
    if (session === value.session && language === value.language) return;
    if (session !== value.session) [now, draft, open] = [null, blank(), false];
    [session, language] = [value.session, value.language];
    look();
  }

  async function look() {
    clearTimeout(waits);
    const whose = session, found = await ask('newstyle');
    if (whose === session) take(found);
  }

  function take(found) {
    const waited = active() || store.get(key());
    if (found.status) [now, problem, settings] = [found, found.error || '', found.settings];
    else problem = found.error || '';
    if (active()) store.set(key(), true);
    else if (now && waited) {
      if (now.status === 'done') arrived(now.sha256, text.learn_done);
      else if (problem && !open) say(problem);
      if (!unfinished()) store.set(key(), null);
    }
    if (active() || (!found.status && store.get(key()))) waits = setTimeout(look, PAUSE);
    redraw('learn');
    redraw('brief');
  }

  async function act(name, said = {}) {
    if (busy) return;
    [busy, sure] = [true, false];
    redraw('learn');
    const found = await ask(`newstyle/${name}`, said);
    busy = false;
    take(found);
    if (name === 'stop') setTimeout(look, PAUSE / 4); // it stops within half a second
  }

  async function arrived(sha, told) { // a style of the artist's own is here: it comes into the mix
    await tell('history', 'look');
    form().choose(`sha256:${sha}`);
    say(fill(told, { name: form().kept().find(each => each.ref === `sha256:${sha}`)?.name || now?.name || '' }), 'plain');
    redraw('learn');
  }

  async function bring(file) {
    const found = await ask('keep', file, { 'X-Name': encodeURIComponent(file.name), 'X-Mode': 'style' });
    if (!found.error) { close(); await arrived(found.sha256, text.learn_brought); }
    else if (open) { problem = found.error; redraw('learn'); } else say(found.error);
  }

  async function shelve(ref, name) {
    const found = await ask('shelve', { sha256: ref.replace('sha256:', ''), name });
    problem = found.error || '';
    if (!problem && name === null) form().drop(ref);
    await tell('history', 'look');
    redraw('learn');
  }

  // ── The sheet ───────────────────────────────────────────────────────────────────────────────────────────────────────
  function enter(picture = '') {
    const before = document.activeElement;
    [open, problem, sure] = [true, now?.error || '', false];
    panels.learn.value = {};
    if (picture) choose(picture);
    redraw('learn');
    Duet.modal.enter(root, root.querySelector('.act.shut'), before);
  }

  function close() {
    if (!open) return;
    open = false;
    redraw('learn');
    Duet.modal.leave();
  }

  function choose(ref) {
    draft.picture = ref;
    if (!draft.named) draft.name = stem(form().known(ref)?.name || '');
  }

  async function add(file) { // a picture to learn from; or a style that somebody learned already
    if (!file) return;
    if (file.name.endsWith('.safetensors')) { bring(file); return; }
    const { ref, error } = await form().upload(file);
    problem = error || '';
    if (ref) { form().own(ref); choose(ref); }
    redraw('learn');
  }

  function pictures() {
    const refs = form().pictures();
    return h('div.pictures', { class: refs.length ? '' : 'empty', role: 'group', 'aria-label': text.learn_picture, data: { dragover: 'over', drop: 'dropped' } },
      h('label.add', { title: text.learn_choose }, icon('plus'), !refs.length && h('span', {}, text.learn_drop),
        h('input', { type: 'file', accept: 'image/*', 'aria-label': text.learn_choose, data: { change: 'add' } })),
      refs.map(ref => h('button.thumb', { type: 'button', 'aria-pressed': String(ref === draft.picture), title: form().known(ref)?.name, 'aria-label': form().known(ref)?.name || text.own_style,
        data: { click: 'pick', ref, key: ref } }, h('img', { src: form().address(ref, 160), alt: '' }))));
  }

  function setting(spec) {
    const at = draft.settings[spec.name] ?? spec.value;
    return h('label.field', { title: spec.help }, h('span', {}, spec.label),
      h('input', { type: 'number', min: spec.low, max: spec.high, step: 'any', value: at, data: { change: 'setting', name: spec.name } }));
  }

  function asking() {
    const minutes = draft.settings.minutes ?? settings?.find(each => each.name === 'minutes')?.value ?? 8;
    return [
      h('p', {}, text.learn_hint),
      h('h3', {}, text.learn_picture),
      pictures(),
      h('div.two-fields', {},
        h('label', {}, h('span', {}, text.learn_name), h('input', { type: 'text', dir: 'auto', maxlength: 100, value: draft.name, data: { input: 'typed' } })),
        h('label', {}, h('span', {}, text.learn_minutes), h('select', { data: { change: 'minutes' } }, MINUTES.map(count =>
          h('option', { value: count, selected: count === minutes }, fill(text.learn_minutes_count, { count })))))),
      h('details', { data: { key: 'learn-more' } }, h('summary', {}, text.more), (settings || []).filter(each => each.name !== 'minutes').map(setting)),
      problem && h('p.problem', { role: 'alert' }, problem),
      h('footer', {},
        h('label.link.file', {}, text.learn_file, h('input', { type: 'file', accept: '.safetensors', data: { change: 'bring' } })),
        h('button.act.use', { type: 'button', disabled: busy || !draft.picture, data: { click: 'begin' } }, text.learn_begin)),
      shelf(),
    ];
  }

  function shelf(rests = true) { // only where nothing is learned can another one go on
    const mine = form().kept();
    return mine.length > 0 && [h('h3', {}, text.learn_mine), h('ul.shelf.styles', {}, mine.map(each => h('li', { data: { key: each.ref } },
      h('span.thumb', {}, !each.about.bare && h('img', { src: form().address(each.ref, 96), alt: '' })),
      h('input', { type: 'text', dir: 'auto', value: each.name, maxlength: 120, 'aria-label': fill(text.learn_rename, { name: each.name }), title: fill(text.learn_rename, { name: each.name }), data: { change: 'rename', ref: each.ref } }),
      rests && each.about.picture ? h('button.icon', { type: 'button', disabled: busy, 'aria-label': fill(text.learn_further, { name: each.name }), title: fill(text.learn_further, { name: each.name }), data: { click: 'further', ref: each.ref } }, icon('play')) : h('span'),
      h('a.icon', { href: `${form().address(each.ref, 96)}&download=${encodeURIComponent(`${each.name}.${each.what}.safetensors`)}`, download: '', 'aria-label': fill(text.learn_download, { name: each.name }), title: fill(text.learn_download, { name: each.name }) }, icon('down')),
      h('button.icon', { type: 'button', 'aria-label': fill(text.learn_away, { name: each.name }), title: fill(text.learn_away, { name: each.name }), data: { click: 'away', ref: each.ref } }, icon('close')))))];
  }

  // ── A training as it goes ───────────────────────────────────────────────────────────────────────────────────────────
  function status() {
    if (now.fetching) return fill(text.learn_fetching, { title: now.fetching.title, percent: Math.round(100 * now.fetching.done) });
    if (now.status === 'stopped') return now.step ? fill(text.learn_stopped, { step: now.step, total: now.total }) : text.learn_unbegun;
    if (now.status === 'failed') return open ? text.learn_failed : problem || text.learn_failed;
    if (now.ahead) return fill(text.learn_waiting, { count: now.ahead });
    if (now.resting) return text.learn_resting;
    return now.left === null ? text.learn_ready : fill(text.learn_left, { left: clock(now.left) });
  }

  const preview = () => (now.look < 0 ? null : `duet/${session}/newstyle/look?step=${now.look}`);
  const bar = () => h('progress', { max: now.total || 1, value: now.step && now.total ? now.step : active() ? null : 0, 'aria-label': now.name });

  function progress() {
    const button = (name, label, kind = 'quiet') => h(`button.act.${kind}`, { type: 'button', disabled: busy, data: { click: name } }, label);
    const figure = (src, label, kind) => h('figure', { class: kind }, src ? h('img', { src, alt: label }) : h('div.blank'), h('figcaption', {}, label));
    const before = now.content && form().address(now.content, 320);
    return [
      h('p.status', { role: 'status' }, h('b', {}, now.name), ' ', status()),
      bar(),
      h('div.looks', {}, figure(form().address(now.picture, 320), text.learn_from), preview() ? figure(preview(), fill(text.learn_by_now, { step: now.look })) : figure(before, text.learn_first, 'soon')),
      problem && h('p.problem', { role: 'alert' }, problem),
      active() && now.left !== null && now.total < ENOUGH && h('p.small', {}, fill(text.learn_few, { total: now.total, enough: ENOUGH })),
      active() && h('p.small', {}, text.learn_meanwhile),
      h('footer', {}, active() ? [h('span'), button('stop', text.learn_stop)] : [button('discard', sure ? text.learn_sure : text.learn_discard), button('go', text.learn_go, 'use')]),
      shelf(false),
    ];
  }

  // The same in a line of the brief, beside which the artist works on.
  function card() {
    if (!unfinished()) return null;
    const going = active(), told = going ? text.learn_stop : text.learn_go;
    return h('div.learning', { data: { key: 'learning' } },
      h('button.thumb', { type: 'button', 'aria-label': fill(text.learn_open, { name: now.name }), title: fill(text.learn_open, { name: now.name }), data: { click: 'learning' } },
        h('img', { src: preview() || form().address(now.picture, 160), alt: '' })),
      h('div.told', {}, h('b', {}, now.name), ' ', h('span', {}, status()), bar()),
      h('button.icon', { type: 'button', 'aria-label': told, title: told, data: { click: going ? 'rest' : 'resume' } }, icon(going ? 'pause' : 'play')));
  }

  function offer(names) { // a picture of the artist's own that is a style may become a quick one
    const mine = form().pictures(), ref = names.reverse().find(name => mine.includes(name));
    return ref && h('p.offer', { data: { key: 'offer' } },
      h('button', { type: 'button', data: { click: 'learn', ref } }, fill(text.learn_offer, { name: stem(form().known(ref)?.name || text.own_style) })));
  }

  const handlers = { // of the brief
    learn(button) { enter(button.dataset.ref); },
    learning() { enter(); }, rest() { act('stop'); }, resume() { act('go'); },
  };

  define('learn', {
    root, value: {}, isOpen: () => open,
    on: {
      close,
      outside(element, event) { if (event.target === element) close(); },
      add(input) { add(input.files[0]); input.value = ''; },
      over(element, event) { event.preventDefault(); },
      dropped(element, event) { event.preventDefault(); add(event.dataTransfer.files[0]); },
      bring(input) { if (input.files[0]) bring(input.files[0]); input.value = ''; },
      pick(button) { choose(button.dataset.ref); redraw('learn'); },
      typed(input) { Object.assign(draft, { name: input.value, named: true }); },
      minutes(input) { draft.settings.minutes = Number(input.value); },
      setting(input) { draft.settings[input.dataset.name] = Number(input.value); },
      rename(input) { const name = input.value.trim(); if (name) shelve(input.dataset.ref, name); else input.value = input.defaultValue; },
      away(button) { shelve(button.dataset.ref, null); },
      begin() { act('begin', { picture: draft.picture, name: draft.name, content: form().content(), settings: draft.settings }); },
      further(button) { act('begin', { from: button.dataset.ref, content: form().content(), settings: draft.settings }); },
      stop() { act('stop'); }, go() { act('go'); },
      discard() { if (!sure) { sure = true; redraw('learn'); return; } act('discard').then(() => { draft = blank(); redraw('learn'); }); },
    },
    draw() {
      if (!open) return [];
      return h('div.veil', { data: { click: 'outside' } }, h('div.sheet.help.wide', { role: 'dialog', 'aria-modal': 'true', 'aria-label': text.learn_title },
        h('header', {}, h('h2', {}, text.learn_title), h('button.act.shut', { type: 'button', 'aria-label': text.close, data: { click: 'close' } }, icon('close'))),
        unfinished() ? progress() : asking()));
    },
  });
  panels.learn.root = root;
  hear(root, 'learn');
  Duet.learn = { adopt, card, offer, handlers, bring, add };
})();
