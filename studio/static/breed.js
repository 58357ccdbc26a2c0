// Breeding in the brief of image mode: in whose world, from which parents and what each of them gives, and how many children.
(() => {
  const { h, icon, fill, redraw, say, tell } = Duet;
  const COUNTS = [4, 8, 16];
  const HALF = 0.5;        // what a new parent gives, so that there is room to give more and less
  const SOME = 24;         // of the artist's own pictures that are offered
  let choosing = false;    // whether the artist's own pictures are shown, to choose a parent from

  const form = () => Duet.easelForm;
  const draft = () => form()?.draft();
  const weights = () => draft().weights[draft().engine];
  const split = name => { const at = name.indexOf(':'); return [name.slice(0, at), name.slice(at + 1)]; };
  const parents = () => [...new Set(Object.keys(weights()).map(name => split(name)[1]))]; // references, in the order in which they came
  const mixes = () => form().value().kept.find(each => each.ref === form().world())?.about.network !== 'fastgan'; // whether its layers can take after different parents
  const born = ref => draft().born[ref] || form().value().born[ref];
  const has = sha => Boolean(draft() && form().engine().breeds && parents().includes(`sha256:${sha}`));

  function changed() { form().change(false); redraw('round'); redraw('light'); }

  // ── Parents ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  function add(refs) {
    const { engine, value } = form(), had = parents(), fresh = refs.filter(ref => !had.includes(ref));
    if (had.length + fresh.length > value().most_parents) { say(fill(value().text.parents_most, { count: value().most_parents }), 'plain'); return; }
    if (!had.length) straight();
    for (const ref of fresh) for (const kind of engine().weights) weights()[`${kind}:${ref}`] = HALF;
    changed();
  }

  function straight() { // children begin where their parents are, who have gone those ways already
    const locks = draft().locks[draft().engine], options = draft().options[draft().engine];
    for (const name of Object.keys(options)) if (Duet.ways.is(name) && !locks.includes(name)) options[name] = 0;
  }

  function away(ref) {
    for (const name of Object.keys(weights())) if (split(name)[1] === ref) delete weights()[name];
    draft().locks[draft().engine] = draft().locks[draft().engine].filter(name => split(name)[1] !== ref);
    changed();
  }

  function clear() { for (const ref of parents()) away(ref); }

  function remember(each, round) { draft().born[`sha256:${each.sha256}`] = { round: round.round, number: each.number, world: round.world }; return `sha256:${each.sha256}`; }

  function begin(round) { // who breeds from a picture while they do something else goes on in its world
    if (!form().engine().breeds) choose(round.engine, round.world.startsWith('sha256:') ? round.world : null);
  }

  function turn(each) { // a picture of the round becomes a parent, or is none any more
    const round = Duet.value('round');
    if (!draft() || !round.breeds || !each?.made) return;
    begin(round);
    if (has(each.sha256)) away(`sha256:${each.sha256}`);
    else add([remember(each, round)]);
  }

  let replacing = null; // until what was said just now is known, too
  function liked() { replacing = Duet.settled().then(replace); }

  function replace() { // what was liked, picked or ranked first takes the place of the parents
    const round = Duet.value('round');
    if (!draft() || !round.breeds) return;
    const chosen = round.tiles.filter(each => each.made && (each.like || each.picked || each.rank === 0)).slice(0, form().value().most_parents);
    if (!chosen.length) { say(form().value().text.parents_liked_none, 'plain'); return; }
    begin(round);
    clear();
    straight();
    add(chosen.map(each => remember(each, round)));
  }

  async function bringPicture(file) {
    const ref = await form().upload(file);
    if (ref) { choosing = false; add([ref]); }
  }

  // ── Worlds ──────────────────────────────────────────────────────────────────────────────────────────────────────────
  function choose(name, ref = null) {
    const before = form().world();
    form().turn(name);
    if (ref) {
      const size = Number(form().value().kept.find(each => each.ref === ref)?.about.size);
      if (size && draft().mixes[name][ref] === undefined) draft().size = size;
      draft().mixes[name] = { [ref]: 1 };
    }
    if (form().world() !== before) { straight(); Duet.ways.forget(); }
    changed();
  }

  async function bring(file) {
    const found = await form().ask('keep', { headers: { 'X-Name': encodeURIComponent(file.name), 'X-Mode': 'image' }, body: file });
    if (!found) return;
    await tell('history', 'look');
    choose(form().value().engines.find(each => each.files).name, `sha256:${found.sha256}`);
  }

  function dropped(file) {
    if (!file) return;
    if (file.name.endsWith('.safetensors')) bring(file);
    else bringPicture(file);
  }

  // ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  const address = (ref, side) => `duet/${form().value().session}/${ref.replace('sha256:', '')}?side=${side}`;

  function worlds(value) {
    const text = value.text, world = form().world(), learning = Duet.gan.card(), gans = value.engines.some(each => each.files), kept = value.kept.filter(each => each.what === 'gan');
    const thumb = (name, ref, label, title, picture) => h('button.thumb', { type: 'button', value: name, title, 'aria-label': label, 'aria-pressed': String(world === (ref || name)), data: { click: 'world', ref, key: `world-${ref || name}` } },
      picture && h('img', { src: picture, alt: '' }), h('span.name', {}, label));
    return h('div.part', { data: { key: 'worlds' } },
      h('div.worlds', { role: 'group', 'aria-label': text.worlds },
        value.engines.filter(each => each.breeds && !each.files).map(each => thumb(each.name, null, each.label, each.summary, each.look && `duet/asset/worlds/${each.name}.jpg?side=320`)),
        gans && kept.map(each => thumb(value.engines.find(one => one.files).name, each.ref, each.name, each.name, each.about.bare ? null : address(each.ref, 160))),
        gans && h('label.thumb.add', { title: text.world_bring, data: { key: 'world-bring' } }, h('span.name', {}, text.world_bring), h('input', { type: 'file', accept: '.safetensors', 'aria-label': text.world_bring, data: { change: 'bring' } })),
        gans && h('button.thumb.add', { type: 'button', title: text.world_train, data: { click: 'gan', key: 'world-train' } }, h('span.name', {}, text.world_train))),
      learning?.matches('.learning') && learning,
      gans && !kept.length && h('p.small', {}, text.world_none));
  }

  function called(ref) {
    const place = born(ref), picture = form().known(ref);
    return place ? `${place.round + 1}·${place.number}` : picture ? picture.name.replace(/\.[^.]*$/, '') : '';
  }

  const foreign = ref => born(ref)?.world !== form().world(); // it has to be found in this world first

  function given(value, ref, kinds, label) { // how much a parent gives of some of what there is to give
    const text = value.text, names = kinds.map(kind => `${kind}:${ref}`), own = weights()[names[0]] ?? 0;
    const all = parents().map(each => weights()[`${kinds[0]}:${each}`] ?? 0), total = all.reduce((sum, each) => sum + each, 0);
    const locked = names.every(name => draft().locks[draft().engine].includes(name)), told = fill(locked ? text.unlock : text.lock, { name: `${label} ${called(ref)}` });
    return h('div.gives', { class: locked ? 'locked' : '', data: { key: names[0] } },
      h('span', {}, label),
      Duet.controls.range(names[0], { low: 0, high: 1, step: 0.01 }, own, 'gives', { 'aria-label': `${label}: ${called(ref)}`, 'data-names': names.join(' ') }),
      h('output', {}, `${Math.round(total > 0 ? 100 * own / total : 100 / all.length)} %`),
      h('button.icon', { type: 'button', 'aria-pressed': String(locked), 'aria-label': told, title: told, data: { click: 'lockGiven', names: names.join(' ') } }, icon(locked ? 'lock' : 'unlock')));
  }

  function parent(value, ref) {
    const text = value.text, kinds = form().engine().weights, off = fill(text.parent_away, { name: called(ref) });
    return h('li', { data: { key: `parent-${ref}` } },
      h('span.thumb', { class: foreign(ref) ? 'foreign' : '' }, h('img', { src: address(ref, 160), alt: '' }), h('span.name', {}, called(ref))),
      h('div.gifts', {}, kinds.length > 1 && mixes() ? kinds.map(kind => given(value, ref, [kind], text[`gift_${kind}`])) : given(value, ref, kinds, text.gives)),
      h('button.icon', { type: 'button', 'aria-label': off, title: off, data: { click: 'parentAway', ref } }, icon('close')));
  }

  function mine(value) { // the artist's own pictures, to choose a parent from
    const text = value.text, pictures = form().pictures(), own = Object.keys(pictures).filter(ref => !parents().includes(ref)).slice(-SOME).reverse();
    return h('details.add-parent', { open: choosing, data: { key: 'add-parent', toggle: 'choosing' } }, h('summary', {}, icon('plus'), text.parent_add),
      h('div.own', { role: 'group', 'aria-label': text.parent_mine },
        h('label.thumb.add', { title: text.parent_file }, icon('image'), h('input', { type: 'file', accept: 'image/*', 'aria-label': text.parent_file, data: { change: 'parentFile' } })),
        own.map(ref => h('button.thumb', { type: 'button', title: pictures[ref].name, 'aria-label': pictures[ref].name, data: { click: 'parentMine', ref, key: `mine-${ref}` } }, h('img', { src: address(ref, 96), alt: '' })))));
  }

  function family(value) {
    const text = value.text, there = parents(), strange = there.filter(foreign).length;
    const beside = form().engine().options.filter(spec => spec.beside === 'weights');
    return h('div.part.parents', { data: { key: 'parents', dragover: 'over', dragleave: 'leave', drop: 'dropParent' } },
      h('div.part-head', {}, h('h3', {}, text.parents),
        h('button.link', { type: 'button', title: text.parents_liked, data: { click: 'parentsLiked' } }, text.parents_liked),
        there.length > 0 && h('button.link', { type: 'button', data: { click: 'parentsClear' } }, text.parents_clear)),
      there.length > 0 && h('ul', {}, there.map(ref => parent(value, ref))),
      h('p.small', {}, there.length === 0 ? text.parents_hint : there.length === 1 ? text.parents_one : '', strange > 0 && ` ${fill(text.parents_foreign, { count: strange })}`),
      mine(value),
      there.length > 0 && beside.map(form().slot));
  }

  function children(value) {
    const text = value.text, most = form().engine().most, now = draft().variants;
    return h('div.children', { role: 'radiogroup', 'aria-label': text.children, data: { key: 'children' } }, h('span', {}, text.children),
      [...new Set([...COUNTS.filter(count => count <= most), now])].sort((one, other) => one - other).map(count =>
        h('button', { type: 'button', role: 'radio', 'aria-checked': String(count === now), value: count, data: { click: 'children' } }, count)));
  }

  document.addEventListener('paste', event => {
    const file = [...(event.clipboardData?.files || [])].find(each => each.type.startsWith('image/'));
    if (!file || !draft() || Duet.mode() !== 'image' || !form().engine().breeds) return;
    event.preventDefault();
    bringPicture(file);
  });

  Duet.breed = {
    has, turn, liked, choose, settled: () => replacing, here: () => Boolean(draft() && form().engine().breeds),
    draw: value => [worlds(value), form().ready() && [family(value), children(value), Duet.ways.draw(value)]],
    on: {
      world(button) { choose(button.value, button.dataset.ref || null); },
      bring(input) { if (input.files[0]) bring(input.files[0]); input.value = ''; },
      parentAway(button) { away(button.dataset.ref); },
      parentMine(button) { add([button.dataset.ref]); },
      parentFile(input) { bringPicture(input.files[0]); input.value = ''; },
      parentsClear: clear, parentsLiked: liked,
      choosing(details) { choosing = details.open; },
      dropParent(box, event) { event.preventDefault(); box.classList.remove('dropping'); dropped(event.dataTransfer.files[0]); },
      gives(input) { for (const name of input.dataset.names.split(' ')) weights()[name] = Number(input.value); form().change(false); },
      lockGiven(button) {
        const names = button.dataset.names.split(' '), locks = draft().locks[draft().engine], had = names.every(name => locks.includes(name));
        draft().locks[draft().engine] = had ? locks.filter(each => !names.includes(each)) : [...new Set([...locks, ...names])];
        form().change(false);
      },
      children(button) { draft().variants = Number(button.value); form().change(false); },
    },
  };
})();
