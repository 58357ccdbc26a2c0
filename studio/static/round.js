// The round: progress, its tiles, their judgement by button, key, tap and drag.
(() => {
  const { h, define, tell, icon, shape, redraw, fill } = Duet;
  let focus = 0;          // the tile that keys speak to
  let original = false;   // whether tiles show the content while Space is held
  let since = null;       // when the round began, by this browser's clock
  let pending = false;    // Again was pressed and nothing is known yet
  let tapping = false;    // whether a click on a picture ranks it
  let looking = null;     // the round that the artist went back to, while another one may be painted
  let drag = null;        // a tile on its way to a place in the ranking

  const value = () => Duet.value('round');
  const tile = index => value()?.tiles.find(each => each.index === index);
  const made = index => Boolean(tile(index)?.made);

  function judge(judgement) { return tell('round', 'judge', { round: value().round, judgement }); }
  function takeBack(kind, index) { return tell('round', 'judge', { round: value().round, back: kind, variant: index }); }

  function like(index) { if (made(index)) tile(index).like ? takeBack('like', index) : judge({ like: [index] }); }
  function dislike(index) { if (made(index)) tile(index).dislike ? takeBack('dislike', index) : judge({ dislike: [index] }); }
  function pick(index) { if (made(index)) tile(index).picked ? takeBack('pick', index) : judge({ pick: index }); }
  function none() { if (value()?.tiles.some(each => each.made)) value().none ? takeBack('none') : judge({ none: true }); }
  function star(index) { if (made(index)) tell('round', 'star', { round: value().round, variant: index, on: !tile(index).starred }); }
  function branch(index) { if (made(index)) tell('round', 'branch', { round: value().round, variant: index }); }

  // ── Ranking ─────────────────────────────────────────────────────────────────────────────────────────────────────
  function order() {
    return value().tiles.filter(each => each.rank !== null && each.rank !== undefined).sort((one, other) => one.rank - other.rank).map(each => each.index);
  }
  let planned = null; // the ranking that was said last, until the server has answered: quick taps build on each other
  function rankAs(indices) {
    planned = indices;
    const said = indices.length ? judge({ ranking: indices }) : takeBack('ranking');
    said.then(() => { if (planned === indices) planned = null; });
  }
  function rank(index, at = null) {
    if (!made(index)) return;
    const now = planned || order(), without = now.filter(each => each !== index);
    if (at === null) rankAs(now.includes(index) ? without : [...now, index]);
    else rankAs([...without.slice(0, at), index, ...without.slice(at)]);
  }
  function unrank(index) { rankAs((planned || order()).filter(each => each !== index)); }

  function dragStart(picture, event) {
    const index = Number(picture.closest('.tile').dataset.index);
    if (event.button !== 0 || event.target.closest('button, a') || event.pointerType === 'touch' || !made(index)) return;
    drag = { index, x: event.clientX, y: event.clientY, ghost: null };
  }
  function dragMove(event) {
    if (!drag) return;
    if (!drag.ghost && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < 6) return;
    if (!drag.ghost) {
      const { src, words } = tile(drag.index);
      drag.ghost = src ? h('img.ghost', { src, alt: '' }) : h('div.ghost.words', { dir: 'auto' }, words.trim().slice(0, 90));
      document.body.append(drag.ghost);
      document.body.classList.add('dragging');
    }
    drag.ghost.style.transform = `translate(${event.clientX}px, ${event.clientY}px)`;
    const place = document.elementFromPoint(event.clientX, event.clientY)?.closest('.place');
    document.querySelectorAll('.place').forEach(each => each.classList.toggle('target', each === place));
    drag.place = place ? Number(place.dataset.at) : null;
  }
  function dragEnd() {
    if (!drag) return;
    const { ghost, index, place } = drag;
    if (ghost) {
      ghost.remove();
      document.body.classList.remove('dragging');
      document.querySelectorAll('.place.target').forEach(each => each.classList.remove('target'));
      if (place !== null && place !== undefined) rank(index, place);
      addEventListener('click', event => { event.stopPropagation(); event.preventDefault(); }, { capture: true, once: true });
      setTimeout(() => dispatchEvent(new Event('click')), 0);
    }
    drag = null;
  }
  document.addEventListener('pointermove', dragMove);
  document.addEventListener('pointerup', dragEnd);
  document.addEventListener('pointercancel', () => { if (drag) drag.place = null; dragEnd(); });

  // ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────
  function button(act, name, label, pressed, props = {}) {
    return h('button.act', { type: 'button', class: act, 'aria-pressed': pressed === null ? null : String(Boolean(pressed)), 'aria-label': label, title: label,
      data: { click: act }, ...props }, icon(name));
  }

  const FEW = 4; // tiles that have room for words below them; where there are more, each carries marks on its picture
  const many = round => round.total > FEW;
  const columns = total => Math.min(4, Math.ceil(total / 2)); // of many
  const ordinal = (text, at) => text[`place_${at + 1}`] || fill(text.place_more, { number: at + 1 });

  function card(round, each) {
    if (round.kind === 'text') return Duet.prose.card(round, each);
    const text = round.text, there = each.made, close = many(round);
    const shown = original && round.content ? round.content.src : each.src || each.preview;
    const named = `${each.number}, ${each.role_name}`;
    return h('article.tile', { tabindex: '0', 'aria-label': `${named}. ${each.reason}`, role: 'group',
      class: [there ? 'made' : 'coming', each.picked && 'is-picked', each.dislike && 'is-disliked'].filter(Boolean).join(' '),
      data: { key: `tile-${each.index}`, index: each.index } },
      h('div.picture', { title: close && there ? `${each.reason}\n${each.facts.join(' · ')}` : null, data: { click: there ? 'open' : 'nothing', pointerdown: 'drag' } },
        shown && h('img', { src: shown, alt: each.facts.join(', '), draggable: 'false', class: there ? '' : 'preview', data: { key: 'shown' } }),
        !shown && h('span.wait', { 'aria-hidden': 'true' }),
        !there && each.curves && curves(each.curves),
        there && Duet.large.strip(round, each),
        each.rank !== null && each.rank !== undefined && h('span.ranked', {}, ordinal(text, each.rank)),
        there && !close && h('div.about', {}, h('p', {}, each.reason), h('p.facts', {}, each.facts.join(' · ')),
          h('p.facts', {}, `${text.seed} ${each.seed} · ${each.seconds}`))),
      there && h('div.corner', {},
        button('star', 'star', text.star, each.starred),
        round.breeds && button('family', 'family', text.family, null),
        !close && acts(round, each)),
      h('div.caption', {},
        h('span.number', {}, each.number), h('span.role', { title: each.reason }, shape(each.shape), each.role_name),
        h('span.judge', {},
          button('like', 'heart', text.like, each.like, { disabled: !there }),
          button('dislike', 'cross', text.dislike, each.dislike, { disabled: !there }),
          round.breeds && button('parent', 'parent', text.parent_make, Duet.breed.has(each.sha256), { disabled: !there }),
          close ? button('pick', 'check', each.picked ? text.picked : text.pick, each.picked, { disabled: !there })
            : h('button.act.pick', { type: 'button', disabled: !there, 'aria-pressed': String(Boolean(each.picked)), title: text.pick, data: { click: 'pick' } },
              each.picked ? text.picked : text.pick))),
      h('p.reason', {}, each.reason));
  }

  function acts(round, each) { // what else can be done with a picture: on its tile where there is room, else where it is seen at full size
    const text = round.text;
    return [
      button('branch', 'branch', text.branch, null),
      Duet.mode() === 'image' && button('instyle', 'brush', text.in_style, null),
      Duet.mode() === 'style' && button('aslines', 'pen', text.as_lines, null),
      round.tells && button('inwords', 'words', text.into_words, null),
      round.explains && button('why', 'layers', text.why, null),
      round.continues && button('onward', 'onward', text.go_on, null, { disabled: round.busy }),
      Duet.large.button(round, each),
      h('a.act', { href: each.download, download: each.file, title: text.download, 'aria-label': text.download }, icon('down')),
    ];
  }

  // How the losses of a picture by optimisation fall, each in tenfold steps: content dark, styles from fine to broad, smoothness dashed.
  function curves({ title, steps, parts }) {
    const all = parts.flatMap(each => each.values).filter(value => value > 0).map(Math.log10);
    const [low, high] = [Math.min(...all), Math.max(...all)], last = Math.max(steps.at(-1), 2), styles = parts.filter(each => each.kind === 'style');
    const point = (value, at) => `${(100 * (steps[at] - 1) / (last - 1)).toFixed(1)},${(4 + 32 * (high - Math.log10(Math.max(value, 10 ** low))) / Math.max(high - low, 0.1)).toFixed(1)}`;
    const tone = each => (each.kind === 'style' ? `color-mix(in oklch, var(--accent) ${Math.round(100 - 65 * styles.indexOf(each) / Math.max(styles.length - 1, 1))}%, #fff)` : '#fff');
    return h('figure.curves', { data: { key: 'curves' } },
      h('svg', { viewBox: '0 0 100 40', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${title}: ${parts.map(each => `${each.name} ${each.values.at(-1).toPrecision(2)}`).join(', ')}` },
        parts.map(each => h('polyline', { class: each.kind, points: each.values.map(point).join(' '), style: { stroke: tone(each) } }))),
      h('figcaption', {}, parts.filter(each => each.kind !== 'style').map(each => h('span', { class: each.kind }, each.name.split(' ')[0])), styles.length > 0 && h('span.style', {}, styles[0].name.split(' ')[0])));
  }

  function ranking(round) {
    const text = round.text, placed = order(), places = many(round) ? Math.min(round.total, Math.max(FEW, placed.length + 1)) : round.total;
    return h('div.ranking', { data: { key: 'ranking' } },
      h('span.label', {}, text.rank_title),
      h('div.places', {}, Array.from({ length: places }, (_, at) => {
        const index = placed[at], there = index === undefined ? null : tile(index);
        return h('button.place', { type: 'button', class: there ? 'filled' : '', disabled: !there,
          'aria-label': there ? fill(text.unrank, { number: index + 1 }) : ordinal(text, at),
          title: there ? fill(text.unrank, { number: index + 1 }) : text.rank_hint, data: { at, click: 'place', index: index ?? '' } },
          there ? (there.src ? h('img', { src: there.src, alt: '', draggable: 'false' }) : h('b', {}, index + 1)) : h('span', {}, at + 1));
      })),
      h('button.quiet.tap', { type: 'button', 'aria-pressed': String(tapping), data: { click: 'tap' } }, text.rank_tap),
      h('span.tip', {}, tapping ? text.rank_tapping : text.rank_hint),
      h('button.none', { type: 'button', 'aria-pressed': String(Boolean(round.none)), data: { click: 'none' } }, round.none ? text.none_said : text.none, h('kbd', {}, '0')));
  }

  function clock(seconds) { return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`; }

  function top(round) {
    const text = round.text, progress = round.progress, busy = pending || round.busy;
    return h('header.top', { data: { key: 'top' } },
      h('h2', {}, round.title),
      busy && h('div.progress', {},
        h('span.dots', { 'aria-hidden': 'true' }, Array.from({ length: progress?.total || round.total || 4 }, (_, at) => h('i', { class: at < (progress?.finished || 0) ? 'full' : '' }))),
        h('span.told', { role: 'status' }, // the clock beside it would be read out twice a second
          progress && h('span.count', {}, progress.count),
          h('span.message', {}, progress?.message || text.waiting_tile)),
        h('span.elapsed', { 'aria-hidden': 'true', data: { key: 'elapsed' } }, clock(since === null ? 0 : (performance.now() - since) / 1000)),
        progress?.left && h('span.left', {}, progress.left),
        h('button.stop', { type: 'button', data: { click: 'halt' } }, icon('stop'), text.stop)),
      !busy && round.problem && h('p.problem', { role: 'status' }, round.problem),
      !busy && !round.problem && h('p.hint', {}, round.hint),
      !busy && round.kind === 'picture' && h('button.quiet.explore', { type: 'button', disabled: !round.sheet.offered, title: round.sheet.why || text.sheet_title, data: { click: 'explore' } }, icon('grid'), text.sheet, h('kbd', {}, 'E')),
      h('div.bar', { 'aria-hidden': 'true', style: { '--done': busy ? progress?.done ?? 0 : 0 } }));
  }

  define('round', {
    accept: value => looking === null || value.round === null || value.round === looking, // what is painted meanwhile waits
    adopt(round, panel, before) {
      const same = before && before.round === round.round && before.busy === round.busy && !pending;
      pending = panel.pending = false;
      if (round.busy && !round.progress && before?.round === round.round) round.progress = before.progress; // of a panel that knows of none
      if (!tile(focus)) focus = 0;
      since = round.busy && round.progress ? performance.now() - 1000 * round.progress.elapsed : round.busy ? since ?? performance.now() : null;
      if (!round.busy && round.tiles.length && round.kind === 'picture') Duet.paintSheets();
      if (round.latest) looking = null;
      Duet.large.news(round);
      if (!same) for (const name of ['brief', 'history']) redraw(name); // they show which round it is, and whether it is made
      for (const name of ['light', 'reading', 'tokens']) redraw(name);
      return !same;
    },
    on: {
      like(button) { like(index(button)); }, dislike(button) { dislike(index(button)); }, pick(button) { pick(index(button)); },
      star(button) { star(index(button)); }, branch(button) { branch(index(button)); },
      parent(button) { Duet.breed.turn(tile(index(button))); }, family(button) { Duet.family.open(value().round, index(button)); },
      open(picture) { if (tapping) rank(index(picture)); else if (value().kind === 'text') Duet.reading(index(picture)); else Duet.light(index(picture)); },
      ...Duet.prose.on,
      word(words, event) { if (tapping) rank(index(words)); else Duet.prose.on.word(words, event); },
      tap() { tapping = !tapping; redraw('round'); },
      drag: dragStart, none,
      place(button) { if (button.dataset.index !== '') unrank(Number(button.dataset.index)); },
      halt() { tell('round', 'halt'); },
      explore() { Duet.plane(); }, again() { Duet.again(); }, drawer() { Duet.drawer(true); },
      instyle(button) { const each = tile(index(button)); Duet.paintIn(each.download, each.file); },
      aslines(button) { const each = tile(index(button)); Duet.easel.drawFrom(each.download, each.file); },
      why(button) { Duet.why.open(index(button)); },
      onward(button) { Duet.goOn(value().round, index(button)); },
      larger(button) { Duet.large.begin(value().round, index(button)); }, smaller(button) { Duet.large.stop(value().round, index(button)); },
      inwords(button) { Duet.putIntoWords(value().round, index(button)); },
      nothing() {},
    },
    mounted(panel) {
      panel.root.addEventListener('focusin', event => {
        const found = event.target.closest('.tile');
        if (found) focus = Number(found.dataset.index);
      });
      panel.root.addEventListener('pointerover', event => { // among many, keys speak to the one under the mouse
        const found = event.target.closest('.many .tile'), active = document.activeElement;
        if (!found || event.pointerType !== 'mouse' || (active !== document.body && !active.closest('.duet-round'))) return;
        focus = Number(found.dataset.index);
        if (active !== found) found.focus({ preventScroll: true });
      });
      panel.root.addEventListener('click', event => { // a mouse leaves the focus on the tile, so that Enter means Again
        if (event.detail > 0) event.target.closest('.tile')?.focus({ preventScroll: true });
      });
    },
    draw(round) {
      const text = round.text, busy = pending || round.busy;
      return [
        top(round),
        round.warned.length > 0 && h('div.warned', { data: { key: 'warned' } }, round.warned.map(each => h('p', { role: 'status' }, each))),
        h('div.wall', { data: { key: 'wall' } },
          round.tiles.length || pending
            ? h('div.tiles', { style: { '--ar': round.aspect || 1, ...(many(round) ? { '--columns': columns(round.total), '--rows': Math.ceil(round.total / columns(round.total)) } : {}) },
              class: `of-${round.total} ${many(round) ? 'many' : ''} ${round.kind === 'text' ? 'text' : ''}` }, round.tiles.map(each => card(round, each)))
            : h('p.empty', {}, round.hint),
          busy && round.progress?.fetching && h('div.fetching', { data: { key: 'fetching' } }, h('b', {}, round.progress.fetching.title),
            h('div.far', { 'aria-hidden': 'true', style: { '--done': round.progress.done } }), h('span', {}, round.progress.fetching.far), h('p', {}, round.progress.fetching.why))),
        round.tiles.length > 0 && ranking(round),
        h('div.thumbbar.only-narrow', { data: { key: 'thumbbar' } },
          h('button', { type: 'button', data: { click: 'drawer' } }, icon('sliders'), text.brief),
          h('button.again', { type: 'button', disabled: busy, data: { click: 'again' } }, text.again)),
      ];
    },
  });

  function index(element) { return Number(element.closest('.tile').dataset.index); }

  setInterval(() => {
    const shown = document.querySelector('.duet-round .elapsed');
    if (shown && since !== null) shown.textContent = clock((performance.now() - since) / 1000);
  }, 500);

  Object.assign(Duet, {
    judging: { like, dislike, pick, none, star, rank, branch },
    tile,
    lookAt(round) { looking = round; },
    focused: () => focus,
    focusOn(at) {
      focus = at;
      document.querySelector(`.duet-round .tile[data-index="${at}"]`)?.focus();
    },
    original(show) { if (original !== show) { original = show; redraw('round'); Duet.redraw('light'); } },
    isOriginal: () => original,
    pending(now) {
      if (pending === now) return;
      pending = Duet.panels.round.pending = now;
      if (now) since = performance.now();
      redraw('round'); redraw('brief');
    },
  });
})();
