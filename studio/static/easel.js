// The form of image mode: words, the drawing, drawing styles, palette; or what is bred. What is not sent yet is kept in this browser, by session.
(() => {
  const { h, tell, say, icon, fill, store, redraw, canvas } = Duet;
  const { slot, setter, range, chance, steering, stays } = Duet.controls;
  const SIZES = [64, 128, 256, 384, 512, 768, 1024];
  const OWN = ['palette'];     // options with controls of their own
  let draft = null;            // what the form says
  let adopted = '';            // the studio's own next brief that the form last took over
  let extra = {};              // pictures uploaded since the last answer
  let offers = null;           // four drawings to choose from
  let busyWith = '';           // what the form itself waits for
  let loaded = null;           // the sketch whose lines are on the canvas
  let live = { asked: false, going: false, since: null, took: null };

  const value = () => Duet.value('brief');
  const key = session => `duet-easel-${session}`;
  const facts = (form, name) => form.engines.find(each => each.name === name) || form.engines[0];
  const engine = () => facts(value(), draft.engine);

  // ── The draft ───────────────────────────────────────────────────────────────────────────────────────────────────
  function blank(form) {
    const common = Object.fromEntries(Object.values(form.common).map(each => [each.name, each.value]));
    const by = make => Object.fromEntries(form.engines.map(each => [each.name, make(each)]));
    return { engine: form.engines[0].name, prompt: '', sketch: null, drawing: canvas.empty(), live: true, fresh: true, ...common, born: {}, scales: {},
      weights: by(() => ({})), mixes: by(() => ({})), locks: by(() => []), options: by(each => Object.fromEntries(each.options.map(option => [option.name, option.value]))) };
  }

  function take(next, form, before = null) { // `before`: what was taken over last, beside which the artist's own words and sketch stay
    const name = facts(form, next.engine).name;
    for (const { name: field, value: start } of Object.values(form.common)) draft[field] = next[field] ?? start;
    draft.engine = name;
    const given = field => (before ? stays(draft[field], before[field], next[field]) : next[field]);
    if (facts(form, name).draws) Object.assign(draft, { prompt: given('prompt') ?? '', sketch: given('sketch') ?? null });
    const mine = draft.weights[name], went = Object.entries(draft.options[name]).filter(([option]) => Duet.ways.is(option));
    draft.weights[name] = own(mine, next.weights || {}, before?.engine === name ? before.weights || {} : null);
    draft.mixes[name] = { ...next.styles };
    draft.locks[name] = [...(next.locks || [])];
    draft.options[name] = { ...blank(form).options[name], ...next.options, ...(draft.weights[name] === mine ? Object.fromEntries(went) : {}) }; // from other parents it went another way
  }

  // What the parents give, as the studio says; where the artist chose other parents since and the studio did not, theirs stay.
  function own(mine, now, then) {
    const named = weights => Object.keys(weights).sort().join();
    if (then && named(mine) !== named(then) && named(now) === named(then)) return mine;
    return named(mine) === named(now) ? { ...mine, ...now } : { ...now }; // those who stay keep their places
  }

  function asked(sketch = draft.sketch) { // the draft as a brief
    const name = draft.engine, mix = draft.mixes[name], total = Object.values(mix).reduce((sum, weight) => sum + weight, 0);
    const weights = facts(value(), name).breeds ? draft.weights[name] : {}, knobs = [...free(name), ...Object.keys(weights), ...Object.keys(mix).map(each => `style:${each}`)];
    return { mode: 'image', engine: name, ...(facts(value(), name).draws ? { prompt: draft.prompt, sketch } : {}),
      styles: total > 0 ? Object.fromEntries(Object.entries(mix).map(([each, weight]) => [each, weight / total])) : {},
      weights: { ...weights }, options: { ...draft.options[name] }, locks: draft.locks[name].filter(each => knobs.includes(each)),
      steering: draft.steering, variants: draft.variants, seed: draft.seed, size: draft.size };
  }

  const free = name => facts(value(), name).options.filter(spec => spec.knob && (!spec.beside || Object.keys(draft.weights[name]).length)).map(spec => spec.name);

  function alike(brief, next, form) { // the same request, whichever defaults are left out
    const rounded = table => Object.entries(table || {}).filter(([, set]) => set !== 0 || typeof set !== 'number').map(([name, set]) => [name, typeof set === 'number' ? set.toFixed(4) : set]).sort();
    const flat = each => JSON.stringify([each.engine, each.prompt ?? '', each.sketch ?? null, [...(each.locks || [])].sort(), rounded(each.styles), Object.entries(each.weights || {}).map(([name, set]) => [name, set.toFixed(4)]).sort(), rounded({ ...draft.options[each.engine], ...each.options }),
      ...Object.values(form.common).map(spec => each[spec.name] ?? spec.value)]);
    return flat(brief) === flat(next);
  }

  function keep() { if (value()) store.set(key(value().session), { adopted, draft: { ...draft, drawing: canvas.drawing() } }); }
  function change(paints = true) { keep(); redraw('brief'); if (paints) paintLive(); }

  async function ask(path, options) {
    const form = value();
    try {
      const answer = await fetch(`duet/${form.session}/${path}?lang=${form.language}`, { method: 'POST', ...options });
      const found = await answer.json();
      if (found.error) { say(found.error); return null; }
      say('');
      return found;
    } catch { say(Duet.value('header').text.lost); return null; }
  }

  // ── Sketches and drawings ───────────────────────────────────────────────────────────────────────────────────────
  async function fetchSketch(ref) { // brings the sketch of a brief onto the canvas
    if (loaded === ref) return;
    loaded = ref;
    const sha = ref?.replace('sha256:', ''), form = value();
    canvas.sketch(null);
    if (!ref) { canvas.put(canvas.empty()); return; }
    try {
      const found = await (await fetch(`duet/${form.session}/drawing/${sha}`)).json();
      if (loaded !== ref) return;
      canvas.put(found.drawing || canvas.empty());
      if (!found.drawing) showSketch(ref);
    } catch { showSketch(ref); }
    keep(); redraw('brief'); paintLive();
  }

  function showSketch(ref) {
    const image = new Image();
    image.onload = () => { if (loaded === ref) canvas.sketch(image); };
    image.src = `duet/${value().session}/${ref.replace('sha256:', '')}?side=768`;
  }

  async function upload(file) { // into the session; null where that went wrong
    const form = value();
    if (!file) return null;
    if (file.size > form.limit) {
      say(fill(form.text.too_large, { name: file.name, size: Math.round(file.size / 2 ** 20), limit: Math.round(form.limit / 2 ** 20) }));
      return null;
    }
    busyWith = fill(form.text.reading, { name: file.name }); redraw('brief');
    const found = await ask('upload', { headers: { 'X-Name': encodeURIComponent(file.name || 'sketch') }, body: file });
    busyWith = '';
    if (found) extra[found.ref] = found;
    redraw('brief');
    return found?.ref || null;
  }

  async function sketched(file) {
    const form = value(), ref = await upload(file), found = extra[ref];
    if (!ref) return;
    if (found.brief?.mode === 'image') { document.activeElement?.blur(); take(found.brief, form); draft.fresh = false; fetchSketch(draft.sketch); change(); return; } // a painting of ours brings its brief back
    draft.sketch = ref;
    fetchSketch(ref);
    change();
  }

  function dropped(file) { // a painter's file is one wherever it is dropped
    if (file?.name.endsWith('.safetensors')) Duet.painters.bring(file);
    else sketched(file);
  }

  async function propose() {
    if (!draft.prompt.trim()) { say(value().text.words_first, 'plain'); return; }
    busyWith = value().text.proposing; redraw('brief');
    const found = await ask('drawings', { body: JSON.stringify({ prompt: draft.prompt, engine: draft.engine }) });
    busyWith = ''; offers = found?.drawings || null;
    if (found?.told.length) say(found.told.join(' '), 'plain');
    redraw('brief');
  }

  // ── Live ────────────────────────────────────────────────────────────────────────────────────────────────────────
  async function paintLive() { // one painting at a time, of the newest drawing
    if (!draft?.live || !engine().draws || !canvas.drawn() && !canvas.begun()) { canvas.show(null); return; }
    live.asked = true;
    if (live.going) return;
    live.going = true;
    while (live.asked && Duet.mode() === 'image') {
      live.asked = false;
      const since = live.since, form = value(), drawing = canvas.with();
      try {
        const answer = await fetch(`duet/${form.session}/live?lang=${form.language}`, { method: 'POST', body: JSON.stringify({ brief: asked(null), drawing }) });
        if (!answer.ok) break; // Again says it in words
        canvas.show(await createImageBitmap(await answer.blob()));
        if (since !== null) { live.took = performance.now() - since; if (live.since === since) live.since = null; }
      } catch { break; }
    }
    live.going = false;
  }

  // ── Again ───────────────────────────────────────────────────────────────────────────────────────────────────────
  const busy = () => Duet.panels.round.pending || Duet.value('round')?.busy;
  const ready = () => Boolean(draft && (!engine().files || Object.keys(draft.mixes[draft.engine]).length) && (!engine().draws || draft.prompt.trim() || draft.sketch || canvas.drawn()));

  async function again() {
    await Duet.breed.settled();
    if (busy() || !draft) return;
    if (!ready()) { say(value().text.words_first, 'plain'); return; }
    const picked = Duet.value('round')?.tiles.some(each => each.picked); // then the next `yours` is what was picked, by the same chance
    if (draft.fresh && !picked) draft.seed = Math.floor(Math.random() * 2 ** 31);
    say('');
    Duet.drawer(false);
    Duet.lookAt(null);
    Duet.pending(true);
    if (engine().draws && canvas.drawn()) { // what was drawn is kept before anything is painted from it
      const found = await ask('drawing', { body: JSON.stringify({ drawing: canvas.drawing(), engine: draft.engine }) });
      if (!found) { Duet.pending(false); return; }
      draft.sketch = loaded = found.ref;
    }
    keep();
    tell('brief', 'again', { brief: asked() }).then(() => Duet.pending(false));
  }

  // ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────
  const locked = name => draft.locks[draft.engine].includes(name);
  const tool = (name, shape, label) => h('button.icon', { type: 'button', 'aria-pressed': String(canvas.tool() === name), 'aria-label': label, title: label, data: { click: 'tool', name } }, icon(shape));
  const doing = (name, shape, label, off) => h('button.icon', { type: 'button', disabled: off, 'aria-label': label, title: label, data: { click: name } }, icon(shape));

  function words(form) {
    const text = form.text;
    return h('div.part', { data: { key: 'words' } },
      h('label', { for: 'd-words' }, text.words),
      h('textarea', { id: 'd-words', rows: 2, dir: 'auto', maxlength: 4000, placeholder: text.words_hint, data: { input: 'words', keydown: 'typed' } }, draft.prompt),
      h('div.asks', {}, h('button.quiet', { type: 'button', disabled: Boolean(busyWith), data: { click: 'propose' } }, icon('grid'), text.propose),
        h('label.quiet.file', { title: text.sketch_drop }, icon('image'), text.sketch_file, h('input', { type: 'file', accept: 'image/*', 'aria-label': text.sketch_file, data: { change: 'file' } }))),
      busyWith && h('p.small', { role: 'status' }, busyWith));
  }

  function proposals(form) {
    return offers && h('div.offers', { data: { key: 'offers' } }, h('p.small', {}, form.text.proposals_hint),
      h('div.four', { role: 'group', 'aria-label': form.text.proposals }, offers.map((drawing, at) => h('button.thumb', { type: 'button', 'aria-label': `${form.text.proposals} ${at + 1}`, data: { click: 'offer', at, key: `offer-${at}-${drawing.things.length}` } }, canvas.thumbnail(drawing, 132)))),
      h('p.small', {}, form.text.outlines_from));
  }

  function board(form) {
    const text = form.text, things = canvas.drawing().things, raster = draft.sketch && !canvas.drawn();
    return h('div.board', { data: { key: 'board', dragover: 'over', dragleave: 'leave', drop: 'drop' } },
      h('div.tools', { role: 'toolbar', 'aria-label': text.canvas },
        tool('pen', 'pen', text.pen), tool('rubber', 'rubber', text.eraser), tool('move', 'move', text.mover),
        doing('undoLine', 'undo', text.undo_line, !canvas.can('undo')), doing('redoLine', 'redo', text.redo_line, !canvas.can('redo')), doing('clear', 'close', text.clear, !canvas.drawn()),
        h('label.live', { title: text.live_hint }, h('input', { type: 'checkbox', checked: draft.live, data: { change: 'live' } }), text.live)),
      h('div.paper', { 'aria-label': text.canvas, data: { own: '', key: 'paper' } }),
      !canvas.drawn() && !raster && h('p.small.hint', {}, text.canvas_empty),
      raster && h('p.small', {}, known(draft.sketch)?.name, ' ', h('button.link', { type: 'button', data: { click: 'away' } }, text.sketch_away)),
      things.length > 0 && h('ul.things', { 'aria-label': text.things }, things.map((thing, at) => h('li', { class: at === canvas.at() ? 'chosen' : '', data: { key: `thing-${at}` } },
        h('input', { type: 'text', dir: 'auto', value: thing.words, placeholder: draft.prompt || text.thing_words, 'aria-label': text.thing_words, maxlength: 200, data: { change: 'thing', click: 'thingAt', at } }),
        h('button.icon', { type: 'button', 'aria-label': text.thing_remove, title: text.thing_remove, data: { click: 'thingAway', at } }, icon('close'))))));
  }

  const known = ref => extra[ref] || value().pictures[ref];

  function styles(form) {
    const mix = draft.mixes[draft.engine], list = engine().styles, total = Object.values(mix).reduce((sum, weight) => sum + weight, 0);
    const share = (each, first) => {
      const at = mix[each.name] || 0, name = `style:${each.name}`;
      return slot(form.text, { label: each.label, name, knob: true, locked: locked(name), shown: `${total > 0 ? Math.round(100 * at / total) : 0} %`, input: range(name, { low: 0, high: 1, step: 0.01 }, at, 'weight'), first });
    };
    return list.length > 0 && h('div.part', { data: { key: 'styles', ...(engine().takes ? { dragover: 'over', dragleave: 'leave', drop: 'receive' } : {}) } }, h('h3', {}, form.text.styles_of), h('div.options', {}, list.map(each => share(each))),
      engine().takes && [h('div.mix', {}, painters(form).map(each => share(each, h('span.thumb.small', {}, each.src && h('img', { src: each.src, alt: '' }))))), Duet.painters.card()]);
  }

  function painters(form) { // the artist's own that may be in the mix, and those in it that are out of sight
    const mine = form.kept.filter(each => each.what === engine().takes).map(each => ({ name: each.ref, label: each.name, src: each.about.bare ? null : `duet/${form.session}/${each.ref.replace('sha256:', '')}?side=160` }));
    const others = Object.keys(draft.mixes[draft.engine]).filter(name => name.startsWith('sha256:') && !mine.some(each => each.name === name));
    return [...mine, ...others.map(name => ({ name, label: form.text.painter_away, src: null }))];
  }

  const colours = () => (draft.options[draft.engine].palette || '').split(/[\s,]+/).filter(Boolean);
  function palette(form) {
    if (!engine().options.some(spec => spec.name === 'palette')) return null;
    const text = form.text, there = colours();
    return h('div.palette', { data: { key: 'palette' } }, h('h3', {}, text.palette), there.map((each, at) => h('span.colour', {},
      h('input', { type: 'color', value: each, 'aria-label': `${text.palette} ${at + 1}`, data: { change: 'colour', at } }),
      h('button.icon', { type: 'button', 'aria-label': text.palette_remove, title: text.palette_remove, data: { click: 'colourAway', at } }, icon('close')))),
    there.length < 3 && h('button.icon', { type: 'button', 'aria-label': text.palette_add, title: text.palette_add, data: { click: 'colourAdd' } }, icon('plus')));
  }

  function options(form, advanced) {
    return engine().options.filter(spec => spec.advanced === advanced && !OWN.includes(spec.name) && !spec.beside && !(engine().breeds && Duet.ways.is(spec.name))).map(line);
  }

  function line(spec) {
    const [input, shown] = setter(spec, draft.options[draft.engine][spec.name]);
    return slot(value().text, { label: spec.label, name: spec.name, input, shown, knob: spec.knob, locked: locked(spec.name), help: spec.help });
  }

  function engines(form) { // all that breed are one: whose world it is, is chosen there
    const tab = (name, label, title, here) => h('button', { type: 'button', role: 'tab', 'aria-selected': String(here), title, value: name, data: { click: 'engine' } }, label);
    const breeders = form.engines.filter(each => each.breeds), text = form.text;
    return form.engines.length > 1 && h('div.switch', { role: 'tablist', 'aria-label': text.engine, data: { key: 'switch' } },
      form.engines.filter(each => !each.breeds).map(each => tab(each.name, each.label, each.summary, each.name === draft.engine)),
      breeders.length > 0 && tab((breeders.find(each => each.name === draft.bred) || breeders[0]).name, text.breed, text.breed_hint, engine().breeds));
  }

  function set(name, to) { draft.options[draft.engine][name] = to; }

  function turn(name) { // to another engine, which has its own size and number of variants
    const to = facts(value(), name), { variants, size } = value().common;
    if (name === draft.engine) return;
    draft.scales[draft.engine] = { variants: draft.variants, size: draft.size };
    Object.assign(draft, draft.scales[name] || { variants: to.most > variants.value ? to.most : variants.value, size: to.side || size.value });
    draft.engine = name;
    if (to.breeds) draft.bred = name;
  }

  Duet.easelForm = { // what breeding borrows
    value, engine, ask, upload, ready, change, turn, asked, slot: line, draft: () => draft, known: ref => known(ref), pictures: () => ({ ...value().pictures, ...extra }), // those that came since the last answer, too
    world: () => Object.keys(draft.mixes[draft.engine])[0] || draft.engine, // whose pictures are made: a GAN's by its file, else the engine's
    set(name, to) { set(name, to); change(false); },
  };

  async function here() { // on to image mode, with something to begin with; whether it is still wanted when it is there
    if (Duet.mode() !== 'image') Duet.turn('image', null, true);
    while (Duet.mode() === 'image' && !(draft && value()?.mode === 'image')) await new Promise(resolve => setTimeout(resolve, 50));
    return Duet.mode() === 'image';
  }

  Duet.easel = {
    async drawFrom(address, name) { // a picture of another mode goes on here: as a sketch, whose lines are found
      const file = new File([await (await fetch(address)).blob()], name, { type: 'image/png' });
      if (await here()) await sketched(file);
    },
    async paintWith(ref) { // with a painter of the artist's own, all of it
      if (!await here()) return;
      turn('painter');
      draft.mixes.painter = { [ref]: 1 };
      change();
    },
    without(ref) { // it was put away
      if (draft?.mixes.painter?.[ref] === undefined) return;
      delete draft.mixes.painter[ref];
      change();
    },
    async breed(ref) { // with a GAN of the artist's own
      if (!await here()) return;
      Duet.breed.choose('gan', ref);
      again();
    },
    again, asked: () => (ready() ? asked() : null), forget() { live.took = null; }, took: () => live.took, // milliseconds from the end of the last stroke to its picture
    adopt(form, panel) {
      if (panel.drawnFor !== form.session) {
        panel.drawnFor = form.session;
        const kept = store.get(key(form.session)), fresh = blank(form);
        draft = { ...fresh, ...(kept?.draft || {}) };
        for (const part of ['mixes', 'weights', 'locks', 'options']) draft[part] = Object.fromEntries(form.engines.map(each => [each.name, part === 'options' ? { ...fresh.options[each.name], ...draft.options?.[each.name] } : draft[part]?.[each.name] || fresh[part][each.name]]));
        draft.engine = facts(form, draft.engine).name;
        adopted = kept?.adopted || '';
        extra = {}; offers = null; loaded = draft.sketch;
        canvas.put(draft.drawing || canvas.empty(), true);
        if (draft.sketch && !canvas.drawn()) showSketch(draft.sketch);
        canvas.tell((drawing, finished) => { if (finished) live.since = performance.now(); paintLive(); if (finished) { keep(); redraw('brief'); } });
        paintLive();
      }
      Duet.gan.adopt(form);
      Duet.painters.adopt(form);
      const next = JSON.stringify(form.next);
      if (next === adopted) return;
      if (!alike(asked(), form.next, form)) { take(form.next, form, adopted ? JSON.parse(adopted) : {}); fetchSketch(draft.sketch); }
      adopted = next;
      keep();
    },
    drawn(form, panel) { const place = panel.root.querySelector('.paper'); if (place) canvas.mount(place); },
    on: {
      ...Duet.gan.handlers, ...Duet.painters.handlers, again: () => Duet.again(), drawer() { Duet.drawer(false); }, propose,
      dice() { draft.seed = Math.floor(Math.random() * 2 ** 31); draft.fresh = false; change(); },
      words(area) { draft.prompt = area.value; keep(); const button = document.querySelector('.duet-brief .again'); if (button) button.disabled = busy() || !ready(); },
      typed(area, event) { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); again(); } }, // a line break needs Shift
      offer(button) { canvas.put(offers[Number(button.dataset.at)]); draft.sketch = loaded = null; canvas.sketch(null); offers = null; change(); },
      tool(button) { canvas.take(button.dataset.name); redraw('brief'); },
      undoLine() { canvas.undo(); }, redoLine() { canvas.redo(); }, clear() { canvas.clear(); draft.sketch = loaded = null; change(); },
      live(input) { draft.live = input.checked; change(); },
      away() { draft.sketch = loaded = null; canvas.sketch(null); change(); },
      thing(input) { canvas.words(Number(input.dataset.at), input.value); },
      thingAt(input) { canvas.choose(Number(input.dataset.at)); document.querySelectorAll('.duet-brief .things li').forEach((each, at) => each.classList.toggle('chosen', at === canvas.at())); },
      thingAway(button) { canvas.remove(Number(button.dataset.at)); },
      file(input) { sketched(input.files[0]); input.value = ''; },
      over(box, event) { event.preventDefault(); box.classList.add('dropping'); },
      leave(box) { box.classList.remove('dropping'); },
      drop(box, event) { event.preventDefault(); box.classList.remove('dropping'); dropped(event.dataTransfer.files[0]); },
      receive(box, event) { event.preventDefault(); box.classList.remove('dropping'); dropped(event.dataTransfer.files[0]); },
      engine(button) { if (!(engine().breeds && facts(value(), button.value).breeds)) { turn(button.value); change(); } },
      ...Duet.breed.on, ...Duet.ways.on,
      lock(button) {
        const { name } = button.dataset, locks = draft.locks[draft.engine];
        draft.locks[draft.engine] = locks.includes(name) ? locks.filter(each => each !== name) : [...locks, name];
        change(false);
      },
      weight(input) { draft.mixes[draft.engine][input.dataset.name.replace('style:', '')] = Number(input.value); change(); },
      option(input) { set(input.dataset.name, input.type === 'range' ? Number(input.value) : input.type === 'checkbox' ? input.checked : input.value); change(); },
      colour(input) { set('palette', colours().map((each, at) => (at === Number(input.dataset.at) ? input.value : each)).join(' ')); change(); },
      colourAdd() { set('palette', [...colours(), ['#d92b2b', '#2f78d2', '#fbd437'][colours().length]].join(' ')); change(); },
      colourAway(button) { set('palette', colours().filter((_, at) => at !== Number(button.dataset.at)).join(' ')); change(); },
      common(input) { draft[input.dataset.name] = Number(input.value); change(false); },
      size(input) { draft.size = Number(input.value); change(false); },
      seed(input) { draft.seed = Math.min(Math.max(0, Math.round(Number(input.value) || 0)), 2 ** 31 - 1); draft.fresh = false; change(); },
      fresh(input) { draft.fresh = input.checked; change(false); },
    },
    draw(form, panel) {
      const text = form.text, open = panel.root.querySelector('details.more')?.open;
      return [
        h('header.top', { data: { key: 'top' } }, h('h2', {}, text.brief),
          h('button.icon.only-narrow', { type: 'button', 'aria-label': text.close, data: { click: 'drawer' } }, icon('close'))),
        h('div.scroll', { data: { key: 'easel-scroll' } },
          engines(form), engine().breeds ? Duet.breed.draw(form) : Duet.gan.card(), engine().draws && [words(form), proposals(form), board(form)], styles(form), palette(form),
          h('div.options', { data: { key: 'options' } }, options(form, false)), steering(form, draft),
          h('details.more', { open: Boolean(open), data: { key: 'more' } }, h('summary', {}, text.more), h('div.fields', {}, options(form, true),
            h('label.field', {}, h('span', {}, form.common.size.label), h('select', { data: { change: 'size' } }, SIZES.map(size =>
              h('option', { value: size, selected: size === draft.size }, fill(text.pixels, { size }))))), chance(form, draft, engine().breeds ? [] : undefined)))),
        h('div.foot', { data: { key: 'foot' } }, h('button.again', { type: 'button', disabled: busy() || !ready(), data: { click: 'again' } },
          busy() ? text.again_busy : text.again, h('kbd', {}, '⏎'))),
      ];
    },
  };
})();
