// The form of text mode: what the words are asked for, beside the notebook. What is not sent yet is kept in this browser, by session.
(() => {
  const { h, tell, say, icon, fill, store, redraw } = Duet;
  const { slot, setter, range, chance, steering } = Duet.controls;
  const LONG = ['memory', 'note'];  // options that are paragraphs
  const MUST = 'must';              // the option that holds the keywords which have to occur, one a line
  const START = { word: 0.6, axis: 0.5, adapter: 0.6 }; // of a weight that was just added, as a share of the most
  let draft = null;      // what the form says
  let adopted = '';      // the studio's own next brief that the form last took over
  let waits = null;      // until the room is measured again
  let room = null;       // what was measured last: {told, over, parts}

  const value = () => Duet.value('brief');
  const key = session => `duet-text-${session}`;
  const facts = (form, name) => form.engines.find(each => each.name === name) || form.engines[0];
  const engine = () => facts(value(), draft.engine);
  const by = (form, make) => Object.fromEntries(form.engines.map(each => [each.name, make(each)]));

  // ── The draft ───────────────────────────────────────────────────────────────────────────────────────────────────
  function blank(form) {
    const common = Object.fromEntries(Object.values(form.common).map(each => [each.name, each.value]));
    return { engine: form.engines[0].name, fresh: true, ...common, weights: by(form, () => ({})), locks: by(form, () => []),
      options: by(form, each => Object.fromEntries(each.options.map(option => [option.name, option.value]))) };
  }

  function mended(old, form) { // a draft that this browser kept, and engines may have come, gone or changed since
    const fresh = blank(form), each = name => by(form, one => old[name]?.[one.name] || fresh[name][one.name]);
    const options = by(form, one => Object.fromEntries(Object.entries(fresh.options[one.name]).map(([name, set]) => [name, old.options?.[one.name]?.[name] ?? set])));
    return { ...fresh, ...old, engine: facts(form, old.engine).name, weights: each('weights'), locks: each('locks'), options };
  }

  // What the studio would ask next becomes the form, but for what the artist has changed since it last did.
  function take(next, form) {
    const name = facts(form, next.engine).name, first = blank(form).options[name], before = adopted ? JSON.parse(adopted) : {};
    const base = facts(form, before.engine).name === name && draft.engine === name ? before : next;
    const kept = (mine, then, now) => (base === next || JSON.stringify(mine) === JSON.stringify(then) ? now : mine);
    for (const { name: field, value: start } of Object.values(form.common)) draft[field] = kept(draft[field], base[field] ?? start, next[field] ?? start);
    const mine = draft.weights[name], weights = [...new Set([...Object.keys(mine), ...Object.keys(next.weights || {})])];
    draft.weights[name] = Object.fromEntries(weights.map(each => [each, kept(mine[each], base.weights?.[each], next.weights?.[each])]).filter(([, set]) => set !== undefined));
    draft.locks[name] = kept(draft.locks[name], base.locks || [], [...(next.locks || [])]);
    draft.options[name] = Object.fromEntries(Object.entries(first).map(([each, start]) => [each, kept(draft.options[name][each], base.options?.[each] ?? start, next.options?.[each] ?? start)]));
    draft.engine = name;
  }

  const about = () => Duet.notebook.about(draft.options[draft.engine].template || '');

  function asked() { // the draft as a brief; the notebook is its prompt
    const name = draft.engine, weights = draft.weights[name], knobs = [...Object.keys(draft.options[name]), ...Object.keys(weights)];
    return { mode: 'text', engine: name, weights: { ...weights }, options: { ...draft.options[name] }, locks: draft.locks[name].filter(each => knobs.includes(each)),
      steering: draft.steering, variants: draft.variants, seed: draft.seed };
  }

  function alike(brief, next) { // the same request, whichever defaults are left out
    const rounded = table => Object.entries(table || {}).map(([name, set]) => [name, typeof set === 'number' ? set.toFixed(4) : set]).sort();
    const flat = each => JSON.stringify([each.engine, [...(each.locks || [])].sort(), rounded(each.weights), rounded({ ...draft.options[each.engine], ...each.options }),
      ...Object.values(value().common).map(spec => each[spec.name] ?? spec.value)]);
    return flat(brief) === flat(next);
  }

  function change(measured = true) {
    store.set(key(value().session), { adopted, draft });
    redraw('brief');
    if (measured) measure();
  }

  // ── Room ────────────────────────────────────────────────────────────────────────────────────────────────────────
  function measure(after = 400) {
    clearTimeout(waits);
    waits = setTimeout(async () => {
      const form = value();
      if (!form || form.mode !== 'text' || !draft) return;
      try {
        const answer = await fetch(`duet/${form.session}/room?lang=${form.language}`, { method: 'POST', body: JSON.stringify({ brief: asked(), ...about() }) });
        const found = await answer.json();
        if (found.error) return; // Again says it in words
        room = found;
        Duet.notebook.room(found);
        redraw('brief');
      } catch { /* the page says elsewhere that the studio does not answer */ }
    }, after);
  }

  // ── Again ───────────────────────────────────────────────────────────────────────────────────────────────────────
  const busy = () => Duet.panels.round.pending || Duet.value('round')?.busy;
  const ready = () => Boolean(draft && Duet.notebook.text().trim());

  async function again() {
    if (busy() || !draft) return;
    if (!ready()) { say(value().text.write_first, 'plain'); return; }
    if (draft.fresh) draft.seed = Math.floor(Math.random() * 2 ** 31);
    change(false);
    say('');
    Duet.drawer(false);
    Duet.lookAt(null);
    Duet.pending(true);
    await Duet.notebook.flush();
    tell('brief', 'again', { brief: asked(), ...about() }).then(() => Duet.pending(false));
  }

  // ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────
  const locked = name => draft.locks[draft.engine].includes(name);
  const own = name => name.slice(name.indexOf(':') + 1);
  const adapter = sha => value().kept.find(each => `sha256:${each.sha256}` === sha)?.name || sha.slice(7, 15);

  function weighed(kind) { return Object.keys(draft.weights[draft.engine]).filter(name => name.startsWith(`${kind}:`)); }

  const lines = () => (draft.options[draft.engine][MUST] || '').split('\n').map(each => each.trim()).filter(Boolean);
  function must(word, on) { set(MUST, [...lines().filter(each => each !== word), ...(on ? [word] : [])].join('\n')); }

  function weight(form, name, label, ends) {
    const kind = name.slice(0, name.indexOf(':')), bounds = engine().weights[kind], at = draft.weights[draft.engine][name] ?? 0;
    const told = fill(form.text.remove_weight, { name: label });
    const input = range(name, { ...bounds, step: 0.05 }, at, 'weight', { 'aria-label': label });
    return slot(form.text, { label, name, knob: true, locked: locked(name), shown: at.toFixed(2),
      input: ends ? h('span.between', {}, h('span.end', {}, ends[0]), input, h('span.end', {}, ends[1])) : input,
      last: [kind === 'word' && engine().options.some(spec => spec.name === MUST) && h('button.icon.must', { type: 'button', 'aria-pressed': String(lines().includes(own(name))), 'aria-label': `${label}: ${form.text.keyword_must}`,
        title: form.text.keyword_must, data: { click: 'must', name } }, '!'),
      h('button.icon', { type: 'button', 'aria-label': told, title: told, data: { click: 'off', name } }, icon('close'))] });
  }

  function adder(label, choices) {
    return choices.length > 0 && h('select.add', { 'aria-label': label, data: { change: 'add' } }, h('option', { value: '' }, `+ ${label}`),
      choices.map(([name, told]) => h('option', { value: name }, told)));
  }

  function section(title, rows, add) {
    return h('div.part', { data: { key: `part-${title}` } }, h('div.part-head', {}, h('h3', {}, title), add), rows);
  }

  function maker(kind, label) { return h('button.link', { type: 'button', data: { click: 'make', kind } }, label); }

  function keywords(form) {
    if (!engine().weights.word) return null;
    const names = [...new Set([...weighed('word'), ...lines().map(word => `word:${word}`)])];
    return section(form.text.keywords, names.map(name => weight(form, name, own(name))),
      h('input.add', { type: 'text', dir: 'auto', placeholder: form.text.keyword_add, 'aria-label': form.text.keyword_add, title: form.text.keyword_hint, maxlength: 60, data: { change: 'keyword', keydown: 'typed' } }));
  }

  function axes(form) {
    const known = engine().axes, mine = form.kept.filter(each => each.what === 'axis').map(each => ({ name: `sha256:${each.sha256}`, label: each.name, low: each.about.low || '', high: each.about.high || each.name }));
    if (!engine().weights.axis) return null;
    const all = [...known, ...mine], there = weighed('axis');
    const find = name => all.find(each => each.name === own(name)) || { label: own(name).slice(0, 12), low: '', high: '' };
    return section(form.text.axes, there.map(name => weight(form, name, find(name).label, [find(name).low, find(name).high])),
      [adder(form.text.axis_add, all.filter(each => !there.includes(`axis:${each.name}`)).map(each => [`axis:${each.name}`, each.low ? `${each.low} – ${each.high}` : each.label])),
        maker('axis', form.own.own_axis)]);
  }

  function adapters(form) {
    const mine = form.kept.filter(each => each.what === 'adapter'), there = weighed('adapter');
    if (!engine().weights.adapter) return null;
    return section(form.text.adapters, there.map(name => weight(form, name, adapter(own(name)))),
      [adder(form.text.adapter_add, mine.map(each => [`adapter:sha256:${each.sha256}`, each.name]).filter(([name]) => !there.includes(name))), maker('voice', form.own.own_voice)]);
  }

  function long(form, spec) { // a paragraph that goes into every prompt, and what it costs
    const cost = room?.parts?.[spec.name], at = draft.options[draft.engine][spec.name];
    return h('div.part', { data: { key: `long-${spec.name}` } },
      h('div.part-head', {}, h('label', { for: `d-${spec.name}`, title: spec.help }, spec.label), cost > 0 && h('span.cost', {}, fill(form.text.tokens, { count: cost }))),
      h('textarea', { id: `d-${spec.name}`, rows: 2, dir: 'auto', title: spec.help, placeholder: spec.help, data: { change: 'option', input: 'grown', name: spec.name } }, at));
  }

  function options(form, advanced) {
    return engine().options.filter(spec => spec.advanced === advanced && ![...LONG, MUST].includes(spec.name) && !Duet.templates.owns(spec.name)).map(spec => {
      const [input, shown] = setter(spec, draft.options[draft.engine][spec.name]);
      return slot(form.text, { label: spec.label, name: spec.name, input, shown, knob: spec.knob, locked: locked(spec.name), help: spec.help });
    });
  }

  function engines(form) {
    return form.engines.length > 1 && h('div.switch', { role: 'tablist', 'aria-label': form.text.engine, data: { key: 'switch' } }, form.engines.map(each =>
      h('button', { type: 'button', role: 'tab', 'aria-selected': String(each.name === draft.engine), title: each.summary, value: each.name, data: { click: 'engine' } }, each.label)));
  }

  function start(name) {
    const kind = name.slice(0, name.indexOf(':'));
    draft.weights[draft.engine][name] ??= START[kind] * engine().weights[kind].high;
  }

  function set(name, to) { draft.options[draft.engine][name] = to; }

  Duet.textForm = {
    again, measure, asked: () => (draft ? asked() : null), ready,
    end(name) { if (name in draft.weights[draft.engine]) { delete draft.weights[draft.engine][name]; change(); } },
    begin(name) { start(name); change(); }, // a weight that was just made
    option: name => draft?.options[draft.engine]?.[name],
    choose(name, to) { set(name, to); change(); },
    adopt(form, panel) {
      if (panel.written !== form.session) {
        panel.written = form.session;
        const kept = store.get(key(form.session));
        draft = kept?.draft ? mended(kept.draft, form) : blank(form);
        adopted = kept?.adopted || '';
        room = null;
        measure(0);
      }
      if (panel.spoken && panel.spoken !== form.language) measure(0); // what was measured is told in words
      panel.spoken = form.language;
      const next = JSON.stringify(form.next);
      if (next === adopted) return;
      if (!alike(asked(), form.next)) take(form.next, form);
      adopted = next;
      store.set(key(form.session), { adopted, draft });
    },
    on: {
      again: () => Duet.again(), drawer() { Duet.drawer(false); },
      dice() { draft.seed = Math.floor(Math.random() * 2 ** 31); draft.fresh = false; change(false); },
      lock(button) {
        const { name } = button.dataset, locks = draft.locks[draft.engine];
        draft.locks[draft.engine] = locks.includes(name) ? locks.filter(each => each !== name) : [...locks, name];
        change(false);
      },
      option(input) {
        set(input.dataset.name, input.type === 'range' ? Number(input.value) : input.type === 'checkbox' ? input.checked : input.value);
        change();
      },
      grown(area) { set(area.dataset.name, area.value); store.set(key(value().session), { adopted, draft }); measure(); },
      common(input) { draft[input.dataset.name] = Number(input.value); change(false); },
      seed(input) { draft.seed = Math.min(Math.max(0, Math.round(Number(input.value) || 0)), 2 ** 31 - 1); draft.fresh = false; change(false); },
      fresh(input) { draft.fresh = input.checked; change(false); },
      engine(button) { draft.engine = button.value; change(); },
      weight(input) { draft.weights[draft.engine][input.dataset.name] = Number(input.value); change(false); },
      off(button) { delete draft.weights[draft.engine][button.dataset.name]; if (lines().includes(own(button.dataset.name))) must(own(button.dataset.name), false); change(); },
      make(button) { Duet.own[button.dataset.kind](); },
      must(button) { const word = own(button.dataset.name); must(word, !lines().includes(word)); change(); },
      add(select) {
        if (select.value) start(select.value);
        select.value = '';
        change();
      },
      keyword(input) {
        for (const word of input.value.split(/[,，、;；\n]/).map(each => each.trim()).filter(Boolean)) start(`word:${word}`);
        input.value = '';
        change();
      },
      typed(input, event) { if (event.key === 'Enter') { event.preventDefault(); this.keyword(input); } },
      ...Duet.templates.on,
    },
    draw(form, panel) {
      const text = form.text, open = panel.root.querySelector('details.more')?.open, first = engine().options;
      return [
        h('header.top', { data: { key: 'top' } }, h('h2', {}, text.brief),
          h('button.icon.only-narrow', { type: 'button', 'aria-label': text.close, data: { click: 'drawer' } }, icon('close'))),
        h('div.scroll', { data: { key: 'text-scroll' } },
          engines(form), engine().model && h('p.writes', { data: { key: 'writes' } }, engine().model), Duet.templates.draw(form, engine(), draft.options[draft.engine], room), keywords(form), axes(form), adapters(form),
          first.filter(spec => LONG.includes(spec.name)).map(spec => long(form, spec)),
          h('div.options', { data: { key: 'options' } }, options(form, false)), steering(form, draft),
          h('details.more', { open: Boolean(open), data: { key: 'more' } }, h('summary', {}, text.more), h('div.fields', {}, options(form, true), chance(form, draft)))),
        h('div.foot', { data: { key: 'foot' } }, h('button.again', { type: 'button', disabled: busy() || !ready(), data: { click: 'again' } },
          busy() ? text.again_writing : text.again, h('kbd', {}, '⏎'))),
      ];
    },
  };

  // A painting goes on here: its words at the end of the notebook, selected, and the template that describes a picture.
  Duet.putIntoWords = async (round, variant) => {
    const from = Duet.value('round'), told = from.text.into_words_done;
    let found;
    try {
      found = await (await fetch(`duet/${from.session}/words?lang=${from.language}`, { method: 'POST', body: JSON.stringify({ round, variant }) })).json();
    } catch { found = { error: from.text.lost }; }
    if (found.error) { say(found.error); return; }
    Duet.turn('text', null, true);
    while (Duet.mode() === 'text' && !(draft && value()?.mode === 'text' && Duet.notebook.at() !== null)) await new Promise(resolve => setTimeout(resolve, 50));
    if (Duet.mode() !== 'text') return;
    Duet.textForm.choose('template', value().templates.find(each => each.name === 'describe').text);
    await Duet.notebook.put(found.words);
    say(told, 'plain');
  };
})();
