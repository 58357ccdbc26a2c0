// The directions in which a GAN's pictures differ: a slider each, a name that the artist gives it, and small pictures of what it does.
(() => {
  const { h, icon, fill, redraw, tell } = Duet;
  const LATER = 160;      // milliseconds that one rests on a direction before its pictures are asked for
  const KEPT = 60;        // strips that are remembered
  const seen = new Map(); // what was asked -> {values, pictures, error}
  let at = null;          // the direction whose pictures are shown
  let naming = null;      // the direction whose name is being written
  let timer = 0, asking = null;

  const form = () => Duet.easelForm;
  const is = name => /^way_\d$/.test(name);
  const named = () => form().value().ways[form().world()] || {};
  const label = spec => named()[spec.name] || spec.label;

  // ── What a direction does ───────────────────────────────────────────────────────────────────────────────────────────
  function request(name) { // all that the pictures depend on
    const { mode, engine, styles, weights, options, seed } = form().asked(), { [name]: _, ...rest } = options;
    return { brief: { mode, engine, styles, weights, options: rest, seed, size: 64, variants: 1 }, knob: name };
  }

  async function show(name) {
    at = name;
    if (!form().ready()) return;
    const asked = JSON.stringify(request(name));
    asking?.abort();
    if (seen.has(asked)) { redraw('brief'); return; }
    const mine = asking = new AbortController();
    redraw('brief');
    const { session, language } = form().value();
    let found;
    try { found = await (await fetch(`duet/${session}/along?lang=${language}`, { method: 'POST', body: asked, signal: mine.signal })).json(); }
    catch { if (mine.signal.aborted) return; found = { error: Duet.value('header').text.lost }; }
    if (!found.error) seen.set(asked, found); // what went wrong may go right the next time
    if (seen.size > KEPT) seen.delete(seen.keys().next().value);
    if (asking === mine) { asking = null; failed = found.error || ''; redraw('brief'); }
  }
  let failed = '';

  function rest(event) { // a mouse or the focus on a direction
    const name = event.target.closest?.('.duet-brief .way')?.dataset.way;
    if (!name || (event.type === 'pointerover' && event.pointerType === 'touch')) return;
    clearTimeout(timer);
    if (name !== at || !current()) timer = setTimeout(() => { failed = ''; show(name); }, LATER);
  }
  for (const kind of ['pointerover', 'focusin']) document.addEventListener(kind, rest);

  const current = () => (at && form().ready() ? seen.get(JSON.stringify(request(at))) : null);

  function strip(value, specs) {
    const text = value.text, spec = specs.find(each => each.name === at), found = current();
    const set = form().draft().options[form().engine().name][at];
    const nearest = found && found.values.reduce((best, each) => (Math.abs(each - set) < Math.abs(best - set) ? each : best));
    const cells = found ? found.values : [0, 1, 2, 3, 4];
    return h('figure.along', { data: { key: 'along' }, class: found ? '' : 'blank' },
      h('div.five', {}, cells.map((each, index) => (found
        ? h('button', { type: 'button', class: each === nearest ? 'nearest' : '', title: fill(text.way_at, { name: label(spec), value: each }), 'aria-label': fill(text.way_at, { name: label(spec), value: each }),
          data: { click: 'wayTo', value: each, key: `along-${index}` } }, h('img', { src: found.pictures[index], alt: '' }))
        : h('span', { class: asking ? 'coming' : '', data: { key: `along-${index}` } })))),
      h('figcaption', { role: 'status' }, failed || (spec && (found || asking) ? `− ${label(spec)} +` : text.ways_hint)));
  }

  // ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  function row(value, spec) {
    const text = value.text, draft = form().draft(), { name } = spec, [input, shown] = Duet.controls.setter(spec, draft.options[draft.engine][name]);
    const line = Duet.controls.slot(text, { label: label(spec), name, input, shown, knob: spec.knob, locked: draft.locks[draft.engine].includes(name), help: spec.help,
      last: h('button.icon', { type: 'button', 'aria-label': fill(text.way_rename, { name: label(spec) }), title: fill(text.way_rename, { name: label(spec) }), data: { click: 'wayRename', name } }, icon('pen')) });
    line.classList.add('way');
    line.dataset.way = name;
    if (naming === name)
      line.firstChild.replaceWith(h('input.naming', { type: 'text', dir: 'auto', maxlength: 60, value: named()[name] || '', placeholder: spec.label, 'aria-label': fill(text.way_rename, { name: label(spec) }),
        data: { change: 'wayName', keydown: 'wayKey', name, key: `naming-${name}` } }));
    return line;
  }

  async function rename(name, given) {
    const { value, world, engine, ask } = form();
    naming = null;
    if ((named()[name] || '') === given) { redraw('brief'); return; }
    const sha256 = world().startsWith('sha256:') ? world().slice(7) : '';
    if (await ask('way', { body: JSON.stringify({ engine: engine().name, sha256, way: name, name: given }) })) {
      (value().ways[world()] ||= {})[name] = given; // until the answer comes
      tell('history', 'look');
    }
    redraw('brief');
  }

  Duet.ways = {
    is,
    forget() { [at, naming, failed] = [null, null, '']; },
    draw(value) {
      const specs = form().engine().options.filter(spec => is(spec.name));
      return specs.length > 0 && h('div.part.ways', { data: { key: 'ways' } }, h('h3', {}, value.text.ways), strip(value, specs),
        h('div.options', {}, specs.map(spec => row(value, spec))));
    },
    on: {
      wayTo(button) { form().set(at, Number(button.dataset.value)); },
      wayRename(button) {
        naming = button.dataset.name;
        redraw('brief');
        const input = document.querySelector('.duet-brief .naming');
        input?.focus();
        input?.select();
      },
      wayName(input) { if (naming === input.dataset.name) rename(naming, input.value.trim()); },
      wayKey(input, event) {
        if (event.isComposing || (event.key !== 'Enter' && event.key !== 'Escape')) return;
        event.preventDefault();
        event.stopPropagation();
        if (event.key === 'Enter') rename(input.dataset.name, input.value.trim());
        else { naming = null; redraw('brief'); }
        document.querySelector(`.duet-brief [data-way="${input.dataset.name}"] input[type="range"]`)?.focus();
      },
    },
  };
})();
