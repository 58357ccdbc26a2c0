// The brief: picture, shelves and mix, sliders. What is not sent yet is kept in this browser, by session.
(() => {
  const { h, define, tell, say, icon, fill, store, redraw } = Duet;
  const MODE = 'style';
  const SIZES = [256, 384, 512, 768, 1024, 1536, 2048];
  let draft = null;      // what the form says
  let adopted = '';      // the studio's own next brief that the form last took over
  let extra = {};        // pictures uploaded since the last answer
  let reading = '';      // name of the file that is being read
  let restored = null;   // the picture that was dropped, where it brought its brief along
  let seen = null;       // the last value of this mode
  let sheets = false;    // whether thumbnails of the bank may be asked for: not before the first round is painted

  // ── The draft ───────────────────────────────────────────────────────────────────────────────────────────────────
  const key = session => `duet-draft-${session}`;
  const shown = () => (Duet.value('brief')?.mode === MODE ? Duet.value('brief') : seen);
  function home(ref) { // the engine that takes a file of the artist's own
    const what = shown().kept.find(each => each.ref === ref)?.what;
    return (shown().engines.find(each => what && each.takes === what) || shown().engines.find(each => each.files)).name;
  }
  const facts = (value, name) => value.engines.find(each => each.name === name) || value.engines[0];
  const round6 = number => Math.round(number * 1e6) / 1e6;

  function blank(value) {
    const common = Object.fromEntries(Object.values(value.common).map(each => [each.name, each.value]));
    const by = make => Object.fromEntries(value.engines.map(each => [each.name, make(each)]));
    return {
      engine: value.engines[0].name, content: null, own: [], fresh: true, ...common,
      mixes: by(() => ({})), masks: by(() => ({})), locks: by(() => []),
      options: by(each => Object.fromEntries(each.options.map(option => [option.name, option.value]))),
    };
  }

  function mended(old, value) { // a draft that this browser kept, and engines may have come, gone or changed since
    const fresh = blank(value), each = name => Object.fromEntries(value.engines.map(engine => [engine.name, old[name]?.[engine.name] || fresh[name][engine.name]]));
    const options = Object.fromEntries(value.engines.map(engine => [engine.name, Object.fromEntries(
      Object.entries(fresh.options[engine.name]).map(([name, set]) => [name, old.options?.[engine.name]?.[name] ?? set]))]));
    return { ...fresh, ...old, engine: facts(value, old.engine).name, mixes: each('mixes'), masks: each('masks'), locks: each('locks'), options };
  }

  function take(next, value, before = null) { // `before`: what was taken over last, beside which the artist's own picture stays
    const engine = facts(value, next.engine).name;
    const common = Object.fromEntries(Object.values(value.common).map(each => [each.name, next[each.name] ?? each.value]));
    const mine = draft.masks[engine], [then, now] = [brushed(before), brushed(next)];
    show((before ? Duet.controls.stays(draft.content, before.content, next.content) : next.content) ?? draft.content, false);
    Object.assign(draft, common, { engine });
    draft.mixes[engine] = { ...next.styles };
    // What was brushed since stays as the picture does; where the artist's own picture stays, so does what was brushed on it.
    const own = name => before && (draft.content !== next.content || (mine[name] !== then[name] && now[name] === then[name]));
    draft.masks[engine] = kept(Object.fromEntries(Object.keys(next.styles || {}).map(name => [name, own(name) ? mine[name] : now[name]])));
    draft.locks[engine] = [...(next.locks || [])];
    draft.sketch = next.sketch ?? null;
    draft.options[engine] = { ...blank(value).options[engine], ...next.options }; // what a brief leaves out is as it was at first
  }

  const begun = () => Boolean(draft.sketch && facts(Duet.value('brief'), draft.engine).continues); // whether it goes on from a picture

  const kept = masks => Object.fromEntries(Object.entries(masks).filter(([, ref]) => ref));
  const brushed = brief => Object.fromEntries(Object.entries(brief?.masks || {}).map(([name, ref]) => [name.replace('style:', ''), ref])); // style -> mask

  function asked() { // the draft as a brief
    const mix = draft.mixes[draft.engine];
    const total = Object.values(mix).reduce((sum, weight) => sum + weight, 0) || 1;
    const knobs = [...Object.keys(draft.options[draft.engine]), ...Object.keys(mix).map(name => `style:${name}`)];
    return {
      mode: MODE, engine: draft.engine, content: draft.content, ...(begun() ? { sketch: draft.sketch } : {}),
      styles: Object.fromEntries(Object.entries(mix).map(([name, weight]) => [name, weight / total])),
      masks: Object.fromEntries(Object.entries(draft.masks[draft.engine]).filter(([name]) => name in mix).map(([name, ref]) => [`style:${name}`, ref])),
      options: { ...draft.options[draft.engine] },
      locks: draft.locks[draft.engine].filter(name => knobs.includes(name)),
      steering: draft.steering, variants: draft.variants, seed: draft.seed, size: draft.size,
    };
  }

  function alike(brief, next, value) { // the same request, whichever defaults are left out
    const flat = each => JSON.stringify([
      each.engine, each.content ?? null, each.sketch ?? null, [...(each.locks || [])].sort(),
      Object.entries(each.styles || {}).filter(([, weight]) => weight > 0).map(([name, weight]) => [name, round6(weight).toFixed(4)]).sort(),
      Object.entries(each.masks || {}).sort(),
      Object.entries({ ...blank(value).options[each.engine], ...each.options }).map(([name, set]) => [name, typeof set === 'number' ? set.toFixed(4) : set]).sort(),
      ...Object.values(value.common).map(spec => each[spec.name] ?? spec.value),
    ]);
    return flat(brief) === flat(next);
  }

  function keep() {
    if (Duet.value('brief')) store.set(key(Duet.value('brief').session), { adopted, draft });
  }

  function change() { keep(); redraw('brief'); }

  // ── Pictures ────────────────────────────────────────────────────────────────────────────────────────────────────
  const known = ref => extra[ref] || Duet.value('brief').pictures[ref];
  const address = (ref, side) => `duet/${Duet.value('brief').session}/${ref.replace('sha256:', '')}?side=${side}`;
  const shape = ref => { const found = ref && known(ref); return found ? found.width / found.height : null; };
  const stem = name => name.replace(/\.[^.]*$/, '') || name;

  async function fetched(path, options, name) {
    const value = Duet.value('brief');
    reading = name; redraw('brief');
    try {
      const answer = await fetch(`duet/${value.session}/${path}?lang=${value.language}`, { method: 'POST', ...options });
      const found = await answer.json();
      if (found.error) { say(found.error); return null; }
      say('');
      extra[found.ref] = found;
      return found.ref;
    } catch { say(Duet.value('header').text.lost); return null; } finally { reading = ''; redraw('brief'); }
  }

  async function upload(file) {
    const value = Duet.value('brief');
    if (!file) return null;
    if (file.size > value.limit) {
      say(fill(value.text.too_large, { name: file.name, size: Math.round(file.size / 2 ** 20), limit: Math.round(value.limit / 2 ** 20) }));
      return null;
    }
    return fetched('upload', { headers: { 'X-Name': encodeURIComponent(file.name || 'picture') }, body: file }, file.name);
  }

  function dropped(file, take) { // a style's file is one wherever it is dropped
    if (file?.name.endsWith('.safetensors')) Duet.learn.bring(file);
    else take(file);
  }

  async function setContent(ref) { // a picture of ours brings back the brief that made it
    if (!(ref = await ref)) return;
    const brief = extra[ref].brief?.mode === MODE ? extra[ref].brief : null; // a painting of another mode is a picture like any other
    restored = brief ? ref : null;
    show(ref, !brief);
    if (brief) { take(brief, Duet.value('brief')); draft.fresh = false; }
    change();
  }

  function show(ref, tells = true) { // as the content; what was brushed on another one fits only the same shape
    const [before, after] = [shape(draft.content), shape(ref)], same = ref === draft.content, any = Object.values(draft.masks).some(each => Object.keys(each).length);
    draft.content = ref;
    if (!same) draft.sketch = null;
    if (same || !any || (before && after && Math.abs(before / after - 1) < 0.01)) return;
    for (const name of Object.keys(draft.masks)) draft.masks[name] = {};
    if (tells) say(Duet.value('brief').text.brush_cleared, 'plain');
  }

  async function addOwn(file) {
    const ref = await upload(file);
    if (!ref) return;
    const value = Duet.value('brief');
    if (!facts(value, draft.engine).own) draft.engine = value.engines.find(each => each.own).name;
    if (!draft.own.includes(ref)) draft.own.push(ref);
    add(ref);
  }

  // ── The mix ─────────────────────────────────────────────────────────────────────────────────────────────────────
  function add(name) {
    const mix = draft.mixes[draft.engine];
    const weights = Object.values(mix);
    if (name in mix) { delete mix[name]; delete draft.masks[draft.engine][name]; }
    else mix[name] = weights.length ? Math.max(0.1, weights.reduce((sum, weight) => sum + weight, 0) / weights.length) : 1;
    change();
  }

  function lock(name) {
    const locks = draft.locks[draft.engine];
    draft.locks[draft.engine] = locks.includes(name) ? locks.filter(each => each !== name) : [...locks, name];
    change();
  }

  function styleOf(value, name) {
    const mine = value.kept.find(each => each.ref === name);
    if (mine) return { name, label: mine.name, src: mine.what === 'hand' ? Duet.hands.look(mine) : mine.about.bare ? null : address(name, 160), cut: Duet.hands.cut(mine) };
    const found = facts(value, draft.engine).styles.find(each => each.name === name);
    const picture = name.startsWith('sha256:') && known(name);
    const label = found?.label || (picture ? stem(picture.name) : value.text.own_style);
    return { name, label, src: found?.src || (name.startsWith('sha256:') ? address(name, 160) : sheet(name)) };
  }

  function brush(name) {
    const value = Duet.value('brief'), { engine, content } = draft, box = document.querySelector('.duet-brief .canvas img');
    if (!content) { say(value.text.drop, 'plain'); return; }
    Duet.brush.open({
      session: value.session, language: value.language, text: value.text, lost: Duet.value('header').text.lost, content: address(content, 2048),
      aspect: shape(content) || (box?.naturalWidth / box?.naturalHeight || 1),
      styles: Object.keys(draft.mixes[engine]).map(each => ({ ...styleOf(value, each), ref: draft.masks[engine][each] })),
      put(each, ref) { draft.masks[engine] = kept({ ...draft.masks[engine], [each]: ref }); change(); },
    }, name);
  }

  const sheet = name => sheets && draft.content && facts(Duet.value('brief'), draft.engine).sheet // an engine that paints thumbnails
    ? `duet/${Duet.value('brief').session}/sheet/${draft.content.replace('sha256:', '')}/${name}` : null;

  // ── Again ───────────────────────────────────────────────────────────────────────────────────────────────────────
  const busy = () => Duet.panels.round.pending || Duet.value('round')?.busy;
  const ready = () => draft && draft.content && Object.values(draft.mixes[draft.engine]).some(weight => weight > 0);

  function again() {
    if (busy() || !ready()) return;
    if (draft.fresh) draft.seed = Math.floor(Math.random() * 2 ** 31);
    keep();
    say('');
    restored = null;
    Duet.drawer(false);
    Duet.lookAt(null);
    if (matchMedia('(max-width: 859px)').matches) scrollTo({ top: 0 }); // where the progress is
    Duet.pending(true);
    tell('brief', 'again', { brief: asked() }).then(() => Duet.pending(false));
  }

  // ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────
  const { setter, range } = Duet.controls;
  const slot = (value, label, name, input, shown, knob, first, last) => // only a knob can be locked: nothing moves the others
    Duet.controls.slot(value.text, { label, name, input, shown, knob, first, last, locked: draft.locks[draft.engine].includes(name) });

  function pictureBox(value) {
    const text = value.text, shown = draft.content && known(draft.content);
    return h('div.source', { data: { key: 'source', dragover: 'over', dragleave: 'leave', drop: 'drop' } },
      h('label.canvas', { class: draft.content ? '' : 'empty', data: { key: 'canvas' } },
        draft.content && h('img', { src: address(draft.content, 768), alt: shown ? shown.name : '', draggable: 'false' }),
        h('span.over', {}, reading ? fill(text.reading, { name: reading }) : draft.content ? text.replace : text.drop),
        h('input', { type: 'file', accept: 'image/*', 'aria-label': text.from_device, data: { change: 'file' } })),
      restored && h('p.restored', { role: 'status' }, text.restored, ' ', restored !== draft.content &&
        h('button', { type: 'button', data: { click: 'itself' } }, text.itself)),
      value.examples.length > 1 && h('div.examples', { role: 'group', 'aria-label': text.examples }, value.examples.map(each =>
        h('button.thumb', { type: 'button', title: each.label, 'aria-label': each.label, data: { click: 'example', name: each.name } },
          h('img', { src: each.src, alt: '', loading: 'lazy' })))));
  }

  const owned = value => [...new Set([...draft.own, ...value.own])];

  function shelf(value) {
    const text = value.text, engine = facts(value, draft.engine), mix = draft.mixes[draft.engine];
    const files = value.kept.filter(each => each.what === engine.takes).map(each => each.ref);
    const own = engine.own ? [...files, ...owned(value)] : files;
    const names = [...own, ...engine.styles.map(each => each.name)];
    return [
      h('div.switch', { role: 'tablist', 'aria-label': text.shelf, data: { key: 'switch' } }, value.engines.filter(each => each.styles.length || each === engine || value.kept.some(mine => mine.what === each.takes)).map(each =>
        h('button', { type: 'button', role: 'tab', 'aria-selected': String(each.name === draft.engine), title: each.summary,
          value: each.name, data: { click: 'shelf' } }, each.label))),
      h('div.shelf', { data: { key: `shelf-${engine.name}`, dragover: 'over', dragleave: 'leave', drop: 'receive' }, tabindex: '-1' },
        engine.files && h('button.thumb.add', { type: 'button', title: text.learn_open_shelf, 'aria-label': text.learn_open_shelf, data: { click: 'learn' } }, icon('plus')),
        engine.own && h('label.thumb.add', { title: text.own_style_add }, icon('plus'),
          h('input', { type: 'file', accept: 'image/*', 'aria-label': text.own_style_add, data: { change: 'own' } })),
        names.map(name => {
          const style = styleOf(value, name);
          return h('button.thumb', { type: 'button', 'aria-pressed': String(name in mix), title: style.label, 'aria-label': style.label,
            data: { click: 'style', name, key: `thumb-${name}` } }, style.src && h('img', { src: style.src, alt: '', style: style.cut }), h('span.name', {}, style.label));
        })),
      engine.name === 'translator' ? Duet.hands.card() : Duet.learn.card() || Duet.learn.offer(engine.own ? Object.keys(mix) : []),
    ];
  }

  function mixture(value) {
    const text = value.text, mix = draft.mixes[draft.engine], names = Object.keys(mix);
    const total = Object.values(mix).reduce((sum, weight) => sum + weight, 0);
    if (!names.length) return h('p.empty', { data: { key: 'empty' } }, text.empty_mix);
    const brushes = facts(value, draft.engine).brush, masks = draft.masks[draft.engine];
    return h('div.mix', { data: { key: 'mix' }, class: brushes ? 'brushes' : '' }, names.map(name => {
      const style = styleOf(value, name), told = fill(masks[name] ? text.brush_change : text.brush_open, { name: style.label });
      return slot(value, style.label, `style:${name}`,
        range(`style:${name}`, { low: 0, high: 1, step: 0.01 }, mix[name], 'weight'),
        `${total > 0 ? Math.round(100 * mix[name] / total) : 0} %`, true,
        h('span.thumb.small', {}, style.src && h('img', { src: style.src, alt: '', style: style.cut })),
        [brushes && h('button.icon.brush', { type: 'button', 'aria-pressed': String(Boolean(masks[name])), 'aria-label': told, title: told, data: { click: 'brush', name } },
          masks[name] ? h('img', { src: address(masks[name], 96), alt: '' }) : icon('brush')),
        h('button.icon', { type: 'button', 'aria-label': fill(text.remove, { name: style.label }), title: fill(text.remove, { name: style.label }),
          data: { click: 'style', name } }, icon('close'))]);
    }));
  }

  function beginning(value) {
    const text = value.text;
    return begun() && h('div.beginning', { data: { key: 'beginning' } }, h('span.thumb.small', {}, h('img', { src: address(draft.sketch, 96), alt: '' })), h('span', {}, text.begins_with),
      h('button.icon', { type: 'button', 'aria-label': text.begin_afresh, title: text.begin_afresh, data: { click: 'afresh' } }, icon('close')));
  }

  function options(value, advanced) {
    return facts(value, draft.engine).options.filter(spec => spec.advanced === advanced).map(spec => {
      const [input, shown] = setter(spec, draft.options[draft.engine][spec.name]);
      return slot(value, spec.label, spec.name, input, shown, spec.knob);
    });
  }

  function more(value) {
    const text = value.text, common = value.common;
    return h('details.more', { data: { key: 'more' } }, h('summary', {}, text.more), h('div.fields', {},
      options(value, true),
      h('label.field', {}, h('span', {}, common.size.label), h('select', { data: { change: 'size' } }, SIZES.map(size =>
        h('option', { value: size, selected: size === draft.size }, fill(text.pixels, { size }))))),
      Duet.controls.chance(value, draft)));
  }

  const form = {
    adopt(value, panel) {
      if (panel.session !== value.session) {
        panel.session = value.session;
        const kept = store.get(key(value.session));
        draft = kept?.draft ? mended(kept.draft, value) : blank(value);
        adopted = kept?.adopted || '';
        extra = {};
        restored = null;
      }
      seen = value;
      Duet.learn.adopt(value);
      Duet.hands.adopt(value);
      const before = adopted ? JSON.parse(adopted) : null;
      if (before && alike(before, value.next, value)) return; // said once more, perhaps in another order: what was changed since stays
      if (!alike(asked(), value.next, value)) take(value.next, value, before || {});
      adopted = JSON.stringify(value.next);
      keep();
    },
    on: {
      again, dice() { draft.seed = Math.floor(Math.random() * 2 ** 31); draft.fresh = false; change(); },
      itself() { show(restored); restored = null; change(); },
      example(button) { setContent(fetched(`example/${button.dataset.name}`, {}, button.title)); },
      file(input) { setContent(upload(input.files[0])); input.value = ''; },
      receive(box, event) { event.preventDefault(); box.classList.remove('dropping'); dropped(event.dataTransfer.files[0], addOwn); },
      ...Duet.learn.handlers, ...Duet.hands.handlers,
      own(input) { addOwn(input.files[0]); input.value = ''; },
      over(box, event) { event.preventDefault(); box.classList.add('dropping'); },
      leave(box) { box.classList.remove('dropping'); },
      drop(box, event) { event.preventDefault(); box.classList.remove('dropping'); dropped(event.dataTransfer.files[0], file => setContent(upload(file))); },
      shelf(button) { draft.engine = button.value; change(); },
      style(button) { add(button.dataset.name); }, brush(button) { brush(button.dataset.name); },
      lock(button) { lock(button.dataset.name); },
      weight(input) { draft.mixes[draft.engine][input.dataset.name.replace('style:', '')] = Number(input.value); change(); },
      option(input) {
        draft.options[draft.engine][input.dataset.name] = input.type === 'range' ? Number(input.value) : input.type === 'checkbox' ? input.checked : input.value;
        change();
      },
      common(input) { draft[input.dataset.name] = Number(input.value); change(); },
      size(input) { draft.size = Number(input.value); change(); },
      seed(input) { draft.seed = Math.min(Math.max(0, Math.round(Number(input.value) || 0)), 2 ** 31 - 1); draft.fresh = false; change(); },
      fresh(input) { draft.fresh = input.checked; change(); },
      drawer() { Duet.drawer(false); }, afresh() { draft.sketch = null; change(); },
    },
    draw(value, panel) {
      const text = value.text, open = panel.root.querySelector('details.more')?.open;
      const parts = [
        h('header.top', { data: { key: 'top' } }, h('h2', {}, text.brief),
          h('button.icon.only-narrow', { type: 'button', 'aria-label': text.close, data: { click: 'drawer' } }, icon('close'))),
        h('div.scroll', { data: { key: 'scroll' } },
          pictureBox(value), beginning(value), shelf(value), mixture(value), h('div.options', { data: { key: 'options' } }, options(value, false)), Duet.controls.steering(value, draft), more(value)),
        h('div.foot', { data: { key: 'foot' } }, h('button.again', { type: 'button', disabled: busy() || !ready(), data: { click: 'again' } },
          busy() ? text.again_busy : text.again, h('kbd', {}, '⏎'))),
      ];
      if (open) parts[1].querySelector('details.more').open = true;
      return parts;
    },
  };
  define('brief', { modes: { style: form, text: Duet.textForm, image: Duet.easel } });

  document.addEventListener('paste', event => {
    const file = [...(event.clipboardData?.files || [])].find(each => each.type.startsWith('image/'));
    if (!file || !draft || Duet.mode() !== MODE) return;
    event.preventDefault();
    if (Duet.panels.learn.isOpen()) Duet.learn.add(file);
    else setContent(upload(file));
  });
  document.addEventListener('dragover', event => event.preventDefault()); // a picture that misses the box must not leave the page
  document.addEventListener('drop', event => event.preventDefault());

  // What the sheet of one's own styles asks of the form.
  Duet.styleForm = {
    known, address,
    content: () => draft.content,
    kept: () => shown().kept.filter(each => each.what !== 'hand'),
    pictures: () => owned(shown()),
    own(ref) { if (!draft.own.includes(ref)) { draft.own.push(ref); change(); } },
    async upload(file) { // says what went wrong instead of showing it behind the sheet
      const ref = await upload(file), error = ref ? '' : Duet.value('notice')?.message;
      if (error) say('');
      return { ref, error };
    },
    chooseHand(name) { draft.engine = home(name); draft.mixes[draft.engine] = { [name]: 1 }; change(); },
    choose(name) { draft.engine = home(name); if (!(name in draft.mixes[draft.engine])) add(name); },
    drop(name) { for (const each of [draft.mixes, draft.masks]) for (const engine in each) delete each[engine][name]; change(); },
  };

  Object.assign(Duet, {
    goOn(round, variant) { // from a variant's own picture
      if (busy()) return;
      say('');
      Duet.lookAt(null);
      Duet.pending(true);
      tell('brief', 'again', { from: { round, variant } }).then(() => Duet.pending(false));
    },
    again() { ({ text: Duet.textForm.again, image: Duet.easel.again }[Duet.mode()] || again)(); },
    asked: () => (Duet.mode() === 'image' ? Duet.easel.asked() : Duet.mode() !== MODE || !ready() ? null : asked()),
    // A picture of another mode goes on here: as the content, once the page has turned and its example is painted.
    async paintIn(address, name) {
      const file = new File([await (await fetch(address)).blob()], name, { type: 'image/png' });
      Duet.turn(MODE);
      const turned = () => draft && Duet.value('brief')?.mode === MODE && Duet.value('round')?.mode === MODE && !busy() && Duet.value('round').tiles.length;
      while (Duet.mode() === MODE && !turned()) await new Promise(resolve => setTimeout(resolve, 50));
      if (Duet.mode() === MODE) await setContent(upload(file));
    },
    drawer(open) { document.body.classList.toggle('drawer', open); },
    paintSheets() { if (!sheets) { sheets = true; redraw('brief'); } },
  });
})();
