// The sheet of a training from many pictures: they are laid down, what is learned is watched, and what came of it is seen again.
(() => {
  const { h, define, icon, fill, redraw, panels, say, store, tell } = Duet;
  const PAUSE = 1000; // milliseconds between two looks at a training
  const words = () => Duet.value('header')?.gan || {};
  const clock = seconds => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

  // `spec`: {kind, suffix, mode, shipped: whether there is always one to begin from, charts(text), words(text) …}; see gan.js and pairs.js.
  function trainer(spec) {
    const panel = spec.kind, root = document.body.appendChild(h('section.duet-own.duet-trainer', { id: `duet-${panel}` }));
    const blank = () => ({ name: '', named: false, base: null, group: '', settings: {} });
    let open = false, session = '', language = '', now = null, facts = null, draft = blank(), problem = '', busy = false, waits = null, sure = false;
    let acts = Promise.resolve(), asked = 0; // what was done goes one after the other, so that nothing of it is lost
    const leaving = new Set(); // pictures that are being taken out
    let past = null; // {sha, name, told}: a training that is over, and looked at again
    let dismissed = ''; // of what was learned last, when the artist goes on to the next

    const draw = () => { redraw(panel); redraw('brief'); };
    const place = path => `duet/${session}/learn/${spec.kind}/${path}`;
    const film = Duet.film(() => redraw(panel));
    const basket = Duet.basket({ ask, take, changed: () => redraw(panel), place, grouped: spec.grouped, together: spec.together });
    const active = () => now && ['waiting', 'running'].includes(now.status);
    const unfinished = () => active() || now?.status === 'stopped' || (now?.status === 'failed' && now.step > 0);
    const laid = () => now?.basket || { groups: [], skipped: [], adding: null, own: 0 };
    const count = () => laid().groups.reduce((sum, each) => sum + each.count, 0);
    const key = () => `duet-${panel}-${session}`; // whether this browser waits for what is learned
    const kept = () => (Duet.value('brief')?.kept || []).map(each => ({ ...each, sha: (each.ref || `sha256:${each.sha256}`).replace('sha256:', '') })).filter(spec.mine);
    const base = () => draft.base ?? (facts?.bases?.[0]?.ref || ''); // who says nothing begins from ours: it needs fewer pictures
    const address = (sha, side) => `duet/${session}/${sha}?side=${side}`;

    // ── What the studio says ──────────────────────────────────────────────────────────────────────────────────────────
    async function ask(path, body, headers) {
      try {
        const answer = await fetch(`duet/${session}/learn/${spec.kind}${path && `/${path}`}?lang=${language}${draft.seen ? `&seen=${draft.seen}` : ''}`, body === undefined ? {} : { method: 'POST', headers, body: headers ? body : JSON.stringify(body) });
        return await answer.json();
      } catch { return { error: Duet.value('header').text.lost }; }
    }

    function adopt(value) { // the page of a session came, or came back
      if (session === value.session && language === value.language) return;
      if (session !== value.session) [now, draft, open, past, facts] = [null, blank(), false, null, null];
      [session, language] = [value.session, value.language];
      facts = null;
      if (open) settings();
      look();
    }

    async function look() {
      clearTimeout(waits);
      const whose = session, found = await ask('');
      if (whose === session) take(found);
    }

    async function settings() {
      const found = await ask('settings');
      if (!found.error) facts = found;
      redraw(panel);
    }

    function take(found) {
      const waited = active() || store.get(key());
      if (found.status) [now, problem] = [found, found.error || ''];
      else problem = found.error || '';
      if (active()) store.set(key(), true);
      else if (now && waited) {
        if (now.status === 'done') arrived(now.sha256, now.name);
        else if (problem && !open) say(problem);
        if (!unfinished()) store.set(key(), null);
      }
      clearTimeout(waits);
      if (active() || laid().adding || laid().settling || (!found.status && store.get(key()))) waits = setTimeout(look, PAUSE);
      draw();
    }

    function act(name, said = {}) { // resolves with the answer
      const go = async () => {
        const found = await ask(name, said);
        busy = --asked > 0;
        take(found);
        if (name === 'stop') setTimeout(look, PAUSE / 4); // it stops within half a second
        return found;
      };
      [busy, sure, asked] = [true, false, asked + 1];
      redraw(panel);
      if (name === 'stop') return go(); // waits for nothing
      acts = acts.then(go, go);
      return acts;
    }

    async function arrived(sha, name) { // it is a file of the artist's own by now
      await tell('history', 'look');
      if (open) await recall(sha, name);
      say(fill(spec.words(words()).done || words().gan_done, { name }), 'plain');
      draw();
    }

    async function recall(sha, name) { // the course of a training that is over
      const answer = await fetch(`duet/${session}/record/${sha}/record.json?lang=${language}`).catch(() => null);
      past = { sha, name, told: answer?.ok ? await answer.json() : null };
      film.show(Infinity);
      redraw(panel);
    }

    async function bring(file) {
      const found = await Duet.own.ask('keep', file, { 'X-Name': encodeURIComponent(file.name), 'X-Mode': spec.mode });
      if (found.error) { if (open) { problem = found.error; redraw(panel); } else say(found.error); return; }
      await tell('history', 'look');
      say(fill(words().gan_brought, { name: kept().find(each => each.sha === found.sha256)?.name || file.name }), 'plain');
      draw();
    }

    async function shelve(sha, name) {
      const found = await Duet.own.ask('shelve', { sha256: sha, name });
      problem = found.error || '';
      if (name === null && !problem) spec.gone?.(sha);
      await tell('history', 'look');
      draw();
    }

    // ── The sheet ─────────────────────────────────────────────────────────────────────────────────────────────────────
    function enter() {
      const before = document.activeElement;
      [open, problem, sure, past] = [true, now?.error || '', false, null];
      panels[panel].value = {};
      redraw(panel);
      Duet.modal.enter(root, root.querySelector('.act.shut'), before);
      if (!facts) settings();
      look().then(() => { if (open && now?.status === 'done' && now.sha256 !== dismissed) recall(now.sha256, now.name); });
    }

    function close() {
      if (!open) return;
      open = false;
      film.stop();
      redraw(panel);
      Duet.modal.leave();
    }

    function add(files, group) {
      const [zip] = [...files].filter(each => each.name.endsWith('.safetensors'));
      if (zip) { bring(zip); return; }
      const first = files[0];
      if (!draft.named && first) draft.name ||= (first.webkitRelativePath?.split('/')[0] || (first.name.endsWith('.zip') ? first.name.replace(/\.zip$/, '') : ''));
      basket.add(files, group);
    }

    function control(each) { // one of the settings, by its own facts
      const at = draft.settings[each.name] ?? each.value, props = { title: each.help, data: { change: 'setting', name: each.name } };
      const field = each.kind === 'choice' ? h('select', props, each.choices.map(one => h('option', { value: one, selected: one === at }, each.names[one])))
        : each.kind === 'switch' ? h('input', { ...props, type: 'checkbox', checked: at })
          : h('input', { ...props, type: 'number', min: each.low, max: each.high, step: 'any', value: at });
      return h('label.field', { title: each.help, class: each.kind, data: { key: `set-${each.name}` } }, h('span', {}, each.label), field, spec.about?.(each, at, facts, words()));
    }

    function asking() {
      const text = words(), first = facts?.first || [], found = facts?.settings || [], by = name => found.find(each => each.name === name);
      const enough = spec.enough(laid());
      return [
        h('p', {}, spec.words(text).hint),
        spec.pictures(text, laid(), basket, draft),
        basket.ways(text, laid(), spec.counted ? spec.counted(text, laid()) : count() ? fill(text.gan_count, { count: count() }) : '', !spec.grouped && !spec.counted),
        basket.skipped(text, laid()),
        h('div.fields', {},
          h('label.field.text', {}, h('span', {}, text.gan_name), h('input', { type: 'text', dir: 'auto', maxlength: 100, value: draft.name, data: { input: 'typed' } })),
          facts?.bases?.length > (spec.shipped ? 1 : 0) && h('label.field.choice', {}, h('span', {}, text.gan_base), h('select', { data: { change: 'base' } }, [...(spec.shipped ? [] : [{ ref: '', name: text.gan_base_none }]), ...facts.bases].map(each =>
            h('option', { value: each.ref, selected: each.ref === base() }, each.name || spec.words(text).base || text.gan_base_shipped))), base() && h('small', {}, spec.words(text).baseTold || text.gan_base_told)),
          first.map(name => by(name)).filter(Boolean).map(control)),
        h('details', { data: { key: `${panel}-more` } }, h('summary', {}, Duet.value('brief').text.more), h('div.fields', {}, found.filter(each => !first.includes(each.name)).map(control))),
        problem && h('p.problem', { role: 'alert' }, problem),
        h('footer', {},
          h('label.link.file', {}, spec.words(text).bring, h('input', { type: 'file', accept: '.safetensors', data: { change: 'bring' } })),
          h('span.small', {}, spec.few?.(text, laid())),
          h('button.act.use', { type: 'button', disabled: busy || basket.sending() || !enough || !facts, data: { click: 'begin' } }, text.gan_begin)),
        shelf(),
      ];
    }

    function shelf() {
      const text = words(), mine = kept(), named = (key, each) => fill(text[key], { name: each.name });
      return [h('h3', {}, spec.words(text).mine), !mine.length && h('p.small', {}, spec.words(text).none), mine.length > 0 && h('ul.shelf', {}, mine.map(each => h('li', { data: { key: each.sha } },
        h('span.thumb', {}, spec.look(each, address) && h('img', { src: spec.look(each, address), alt: '', style: spec.cut?.(each) })),
        h('input', { type: 'text', dir: 'auto', value: each.name, maxlength: 120, 'aria-label': named('gan_rename', each), title: named('gan_rename', each), data: { change: 'rename', sha: each.sha } }),
        h('button.quiet', { type: 'button', 'aria-label': fill(spec.words(text).useNamed || text.gan_breed_named, { name: each.name }), data: { click: 'use', sha: each.sha } }, spec.words(text).use),
        each.record && h('button.icon', { type: 'button', 'aria-label': named('gan_course', each), title: named('gan_course', each), data: { click: 'course', sha: each.sha } }, icon('play')),
        h('a.icon', { href: `${address(each.sha, 96)}&download=${encodeURIComponent(`${each.name}${spec.suffix}`)}`, download: '', 'aria-label': named('gan_download', each), title: named('gan_download', each) }, icon('down')),
        h('button.icon', { type: 'button', 'aria-label': named('gan_away', each), title: named('gan_away', each), data: { click: 'away', sha: each.sha } }, icon('close')))))];
    }

    // ── A training as it goes, and once it is over ────────────────────────────────────────────────────────────────────
    function status() {
      const text = words(), percent = share => Math.round(100 * share);
      if (now.status === 'stopped') return now.step ? fill(text.gan_stopped, { step: now.step }) : text.gan_unbegun;
      if (now.status === 'failed') return open ? text.gan_failed : problem || text.gan_failed;
      if (now.fetching) return fill(text.gan_fetching, { title: now.fetching.title, percent: percent(now.fetching.done) });
      if (now.ahead) return fill(text.gan_waiting, { count: now.ahead });
      if (now.resting) return text.gan_resting;
      if (now.working) return fill(text[`gan_${now.working.what}`], { percent: percent(now.working.done) });
      return now.left === null || !now.step ? text.gan_ready : fill(text.gan_left, { left: clock(now.left) });
    }

    const learnsFrom = told => fill(spec.words(words()).learnsFrom || words().gan_learns_from, { count: told.count });
    const bar = () => h('progress', { max: 1, value: now.share || (active() ? null : 0), 'aria-label': now.name });

    function course(told) { // what is seen of it, live and later
      const text = words(), sha = past?.sha;
      const frame = sha ? step => `duet/${session}/record/${sha}/${step}.jpg` : step => `${place(`frame/${step}`)}?t=${told.id}`;
      film.take(told.frames, frame);
      return [
        h('div.course', {}, film.draw(text, spec.reads?.(text, told) || fill(text.gan_samples_read, { count: spec.samples }), spec.words(text).samplesNone || text.gan_samples_none, spec.aspect?.(told)), h('div.charts', {}, spec.charts(text).map(each => Duet.chart(each, told.curve, spec.waits?.(text, told) || text.gan_empty_chart)))),
        told.warned.length > 0 && h('div.warnings', {}, h('h3', {}, text.gan_warnings), h('ul', {}, told.warned.map(each => h('li', {}, h('b', {}, fill(text.gan_step, { step: each.step })), ' ', each.said)))),
        told.cut && h('p.problem', {}, text.gan_cut),
      ];
    }

    function progress() {
      const text = words(), button = (name, label, kind = 'quiet') => h(`button.act.${kind}`, { type: 'button', disabled: busy, data: { click: name } }, label);
      const figures = [now.step > 0 && fill(text.gan_step, { step: now.step }), now.now?.rate && fill(text.gan_rate, { rate: now.now.rate.toFixed(now.now.rate < 10 ? 1 : 0) }), learnsFrom(now)];
      return [
        h('p.status', { role: 'status' }, h('b', {}, now.name), ' ', status()),
        bar(),
        h('p.figures', {}, figures.filter(Boolean).join(' · ')),
        problem && h('p.problem', { role: 'alert' }, problem),
        course(now),
        basket.skipped(text, laid()),
        h('footer', {}, active() ? [h('span.small', {}, text.gan_meanwhile), button('stop', text.gan_stop)] : [button('discard', sure ? text.gan_sure : text.gan_discard), button('go', text.gan_go, 'use')]),
      ];
    }

    function over() { // a training that is over
      const text = words(), told = past.told;
      return [
        h('p.status', { role: 'status' }, h('b', {}, past.name), ' ', told && fill(text.gan_finished, { steps: told.step, time: clock(told.seconds) }), told && ` · ${learnsFrom(told)}`),
        told ? [course(told), spec.results?.(text, told, number => `duet/${session}/record/${past.sha}/pair-${number}.png`)] : h('p.small', {}, text.gan_no_record),
        h('footer', {}, h('button.act.quiet', { type: 'button', data: { click: 'another' } }, unfinished() ? text.gan_back : text.gan_another),
          h('button.act.use', { type: 'button', data: { click: 'use', sha: past.sha } }, spec.words(text).use)),
      ];
    }

    // The same in a line of the brief, beside which the artist works on; or the way to the sheet.
    function card() {
      const text = words();
      if (!unfinished()) return h('p.offer', { data: { key: `${panel}-offer` } }, h('button', { type: 'button', data: { click: spec.opens } }, spec.words(text).offer));
      const going = active(), told = going ? text.gan_stop : text.gan_go, frame = now.frames.at(-1);
      return h('div.learning', { data: { key: `${panel}-learning` } },
        h('button.thumb', { type: 'button', 'aria-label': fill(text.gan_open, { name: now.name }), title: fill(text.gan_open, { name: now.name }), data: { click: spec.opens } }, frame !== undefined && h('img', { src: `${place(`frame/${frame}`)}?t=${now.id}`, alt: '' })),
        h('div.told', {}, h('b', {}, now.name), ' ', h('span', {}, status()), bar()),
        h('button.icon', { type: 'button', 'aria-label': told, title: told, data: { click: going ? `${spec.opens}Rest` : `${spec.opens}Resume` } }, icon(going ? 'pause' : 'play')));
    }

    define(panel, {
      root, value: {}, isOpen: () => open,
      on: {
        close,
        outside(element, event) { if (event.target === element) close(); },
        add(input) { add([...input.files], input.dataset.group); input.value = ''; },
        over(element, event) { event.preventDefault(); },
        dropped(element, event) { event.preventDefault(); const files = [...event.dataTransfer.files]; if (files.some(each => /\.(zip|safetensors)$/.test(each.name))) add(files, element.dataset.group); else basket.dropped(event.dataTransfer, element.dataset.group); },
        mine() { act('own', { group: draft.group }); }, clear() { act('clear'); }, halt() { basket.halt(); },
        takeOut({ dataset: { group, name } }) { if (!leaving.has(name)) { leaving.add(name); act('drop', { group, picture: name }).then(() => leaving.delete(name)); } },
        ...spec.on?.({ draft: () => draft, act, look, root, redraw: () => redraw(panel) }),
        bring(input) { if (input.files[0]) bring(input.files[0]); input.value = ''; },
        typed(input) { Object.assign(draft, { name: input.value, named: true }); },
        base(input) { draft.base = input.value; redraw(panel); },
        setting(input) { if (['network', 'judge'].includes(input.dataset.name)) draft.base = ''; draft.settings[input.dataset.name] = input.type === 'checkbox' ? input.checked : input.type === 'number' ? Number(input.value) : input.value; redraw(panel); },
        rename(input) { const name = input.value.trim(); if (name) shelve(input.dataset.sha, name); else input.value = input.defaultValue; },
        away(button) { shelve(button.dataset.sha, null); },
        course(button) { const each = kept().find(one => one.sha === button.dataset.sha); recall(each.sha, each.name); },
        another() { dismissed = now?.sha256 || ''; past = null; film.show(Infinity); redraw(panel); },
        use(button) { const each = kept().find(one => one.sha === button.dataset.sha); close(); spec.use(each); },
        begin() { past = null; act('begin', { name: draft.name, base: base(), settings: draft.settings }); },
        stop() { act('stop'); }, go() { act('go'); },
        discard() { if (!sure) { sure = true; redraw(panel); return; } act('discard'); },
        play() { film.play(); }, scrub(input) { film.show(Number(input.value)); },
      },
      draw() {
        if (!open) return [];
        const text = words(), told = past ? over() : unfinished() ? progress() : asking();
        const sheet = h('div.veil', { data: { click: 'outside' } }, h('div.sheet.help.wide', { role: 'dialog', 'aria-modal': 'true', 'aria-label': spec.words(text).title },
          h('header', {}, h('h2', {}, spec.words(text).title), h('button.act.shut', { type: 'button', 'aria-label': Duet.value('header').text.close, data: { click: 'close' } }, icon('close'))), told));
        for (const each of sheet.querySelectorAll('details')) each.open = Boolean(root.querySelector(`details[data-key="${each.dataset.key}"]`)?.open);
        return sheet;
      },
    });
    panels[panel].root = root;
    Duet.own.hear(root, panel);
    const handlers = { [spec.opens]() { enter(); }, [`${spec.opens}Rest`]() { act('stop'); }, [`${spec.opens}Resume`]() { act('go'); } };
    return { adopt, card, handlers, open: enter, bring, close, isOpen: () => open };
  }

  Duet.trainer = trainer;
})();
