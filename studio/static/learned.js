// What the judgements taught: a small chart a control that can be corrected, everything that was said, and what may be taken along.
(() => {
  const { h, define, tell, icon, say, fill, redraw } = Duet;
  const WIDE = 200, HIGH = 32; // of a chart, in its own units
  const STEPS = 50;            // of an arrow key along a control

  let draft = null;     // { name, at, from, moved }: a correction that is not said yet, its place from 0 to 1
  let lit = null;       // the control whose judgements are marked in the list
  let shown = false;    // whether the controls that matter less are shown
  let kept = false;     // whether the menu at the foot is open
  let held = null;      // the control that has the focus, which a row keeps when it moves
  let drawing = false;
  let later = null;     // the round in which the pair that came back was put off

  const clip = at => Math.min(1, Math.max(0, at));
  const rowOf = (value, name) => value.rows.find(row => row.name === name);
  const valueAt = (row, at) => row.low + at * (row.high - row.low);
  const inWords = (row, at) => (row.share ? `${Math.round(100 * valueAt(row, at))} %` : valueAt(row, at).toFixed(2));

  // ── The chart: how liking changes along a control, how unsure that is, and where the best lies ──────────────────────
  function chart(row, at) {
    const x = index => (WIDE * index) / (row.curve.length - 1), y = height => 1 + (HIGH - 2) * (1 - height);
    const along = (values, sign) => values.map((value, index) => `${x(index).toFixed(1)} ${y(value + sign * row.band[index]).toFixed(1)}`);
    const band = `M${along(row.curve, 1).join('L')}L${along(row.curve, -1).reverse().join('L')}Z`;
    const line = `M${row.curve.map((value, index) => `${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join('L')}`;
    return h('svg.curve', { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      h('path.band', { d: band }), h('path.mean', { d: line }), h('path.set', { d: `M${row.set * WIDE} 0V${HIGH}` }));
  }

  function belief(row, value) {
    const mine = draft?.name === row.name && draft.moved ? draft : null, at = mine ? mine.at : row.at;
    const told = mine ? inWords(row, at) : row.told;
    return h('li', { class: [row.vague && !mine ? 'vague' : '', row.mine ? 'mine' : '', mine ? 'drafted' : '', lit === row.name ? 'lit' : '', row.quiet ? 'quieter' : ''].filter(Boolean).join(' '),
      data: { key: row.name, click: 'light', name: row.name }, style: { '--at': at, '--from': row.from, '--to': row.to } },
    h('div.line', {}, h('span.label', {}, row.label), h('span.shown', {}, mine ? inWords(row, at) : row.shown)),
    h('div.chart', {}, chart(row, at),
      h('span.axis', {}, h('i.range', {})),
      h('span.marker', { role: 'slider', tabindex: '0', 'aria-label': row.label, 'aria-valuemin': row.low, 'aria-valuemax': row.high, 'aria-valuenow': Number(valueAt(row, at).toFixed(3)),
        'aria-valuetext': told, title: value.text.adjust, data: { key: 'marker', pointerdown: 'grab', keydown: 'nudge', name: row.name } })),
    mine && !mine.track ? h('div.line', {}, h('span.sure', {}, value.text.adjust_keep)) : h('div.line', {}, h('span.sure', {}, row.sure), h('span.matters', {}, row.matters)));
  }

  function commit() {
    const said = draft, row = said && rowOf(Duet.value('learned'), said.name);
    draft = null;
    if (row && said.moved) {
      Object.assign(row, { at: said.at, from: said.at, to: said.at, shown: inWords(row, said.at), vague: false }); // until the answer comes
      tell('learned', 'believe', { knob: row.name, value: Number(valueAt(row, said.at).toFixed(4)) });
    }
    redraw('learned');
  }

  function drop() {
    if (!draft) return;
    draft = null;
    redraw('learned');
  }

  function drag(event) {
    if (!draft?.track) return;
    const at = clip((event.clientX - draft.track.left) / draft.track.width);
    if (!draft.moved && Math.abs(event.clientX - draft.x) < 3) return;
    Object.assign(draft, { at, moved: true });
    redraw('learned');
  }

  function light(name) {
    if (lit === name) return;
    lit = name;
    redraw('learned');
  }

  const nameUnder = event => event.target.closest?.('.bars li')?.dataset.name ?? null;

  // ── Along, and back ─────────────────────────────────────────────────────────────────────────────────────────────────
  async function asked(options) { // the taste's file, in or out; what is wrong is said in words
    const value = Duet.value('learned');
    try {
      const answer = await fetch(`duet/${value.session}/taste?lang=${value.language}`, options);
      if (answer.ok) return answer;
      say((await answer.json()).error);
    } catch { say(Duet.value('header').text.lost); }
    return null;
  }

  async function save() {
    const answer = await asked({});
    if (!answer) return;
    const address = URL.createObjectURL(await answer.blob());
    const link = h('a', { href: address, download: 'duet-taste.json' });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  async function load(file) {
    if (file && await asked({ method: 'POST', body: file })) tell('history', 'look');
  }

  function offers(value) {
    const text = value.text;
    return value.offers.length > 0 && h('div.offers', { data: { key: 'offers' } },
      value.offers.includes('carry') && h('button.wide', { type: 'button', data: { click: 'carry' } }, text.carry),
      value.offers.includes('pool') && h('button.wide', { type: 'button', data: { click: 'pool' } }, text.pool),
      value.offers.includes('pool') && h('p.small', {}, text.pool_help));
  }

  function again(value) { // the pair that comes back: quiet, and gone for this round where it is not wanted now
    const check = value.check;
    if (!check || check.round === later) return null;
    return h('div.check', { role: 'group', 'aria-label': check.text.check, data: { key: 'check' } },
      h('p', {}, check.text.check),
      h('div.pair', {}, check.choices.map((each, at) => h('button', { type: 'button', 'aria-label': each.label, data: { click: 'better', at } },
        each.words ? h('span.words', {}, each.words) : h('img', { src: each.src, alt: '' })))),
      h('div.ways', {}, h('button.link', { type: 'button', data: { click: 'better' } }, check.text.check_unsure),
        h('button.link', { type: 'button', data: { click: 'later' } }, check.text.check_later)));
  }

  function menu(value) {
    const text = value.text;
    return h('details.keep', { open: kept, data: { key: 'keep', toggle: 'kept' } }, h('summary', {}, text.keep),
      h('div.ways', {},
        h('button.link', { type: 'button', disabled: !value.judged, data: { click: 'save' } }, text.save_taste),
        h('label.link', {}, text.load_taste, h('input', { type: 'file', accept: '.json,application/json', 'aria-label': text.load_taste, data: { change: 'load' } }))),
      h('label.share', {}, h('input', { type: 'checkbox', checked: value.shared, data: { change: 'share' } }), h('span', {}, text.share)),
      h('p.small', {}, text.share_help),
      value.judged > 0 && h('button.link.unlearn', { type: 'button', title: text.unlearn_help, data: { click: 'unlearn' } }, text.unlearn));
  }

  define('learned', {
    on: {
      back(button) {
        const events = JSON.parse(button.dataset.events);
        if (button.dataset.round) tell('learned', 'retract', { round: Number(button.dataset.round), events });
        else tell('learned', 'withdraw', { event: events[0] });
      },
      unlearn() { tell('learned', 'unlearn'); },
      light(row, event) { // who presses a row wants to see what it stands on
        if (event.target.closest('.marker')) return;
        light(row.dataset.name);
        row.closest('.duet-learned').querySelector('.said .speaks')?.scrollIntoView({ block: 'nearest' });
      },
      more(details) { shown = details.open; },
      kept(details) { kept = details.open; },
      carry() { tell('learned', 'carry'); },
      pool() { tell('learned', 'pool'); },
      share(box) { tell('learned', 'lend', { on: box.checked }); },
      save,
      load(input) { load(input.files[0]); input.value = ''; },
      later() { later = Duet.value('learned').check.round; redraw('learned'); },
      better(button) { tell('learned', 'recheck', { pair: Duet.value('learned').check.pair, better: button.dataset.at ? Number(button.dataset.at) : null }); },
      grab(marker, event) {
        if (event.button) return;
        const track = marker.parentElement.getBoundingClientRect(), row = rowOf(Duet.value('learned'), marker.dataset.name);
        draft = { name: row.name, at: row.at, track, x: event.clientX, moved: false };
        marker.setPointerCapture(event.pointerId);
      },
      nudge(marker, event) {
        const row = rowOf(Duet.value('learned'), marker.dataset.name), at = draft?.name === row.name ? draft.at : row.at;
        const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5, Home: -STEPS, End: STEPS }[event.key];
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (by) { draft = { name: row.name, at: clip((Math.round(at * STEPS) + by) / STEPS), moved: true }; redraw('learned'); }
        else if (event.key === 'Enter' && draft?.moved) commit();
        else if (event.key === 'Escape' && draft) drop();
        else return;
        event.preventDefault();
        event.stopPropagation(); // the page's own keys mean something else
      },
    },
    mounted(panel) {
      const { root } = panel;
      root.addEventListener('pointermove', drag);
      root.addEventListener('pointerup', () => { if (draft?.track) commit(); });
      root.addEventListener('pointercancel', drop);
      root.addEventListener('focusout', event => { if (draft && !draft.track && !drawing && event.target.matches('.marker')) drop(); });
      root.addEventListener('pointerover', event => { if (event.pointerType === 'mouse' && !draft) light(nameUnder(event)); });
      root.addEventListener('pointerleave', event => { if (event.pointerType === 'mouse' && !draft) light(null); });
      root.addEventListener('focusin', event => light(nameUnder(event)));
    },
    drawn(value, panel) {
      drawing = false;
      if (held === null || document.activeElement?.matches('.duet-learned .marker')) return;
      panel.root.querySelector(`.marker[data-name="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
    },
    draw(value) {
      drawing = true;
      held = document.activeElement?.matches('.duet-learned .marker') ? document.activeElement.dataset.name : null;
      const text = value.text, loud = value.rows.filter(row => !row.quiet), quiet = value.rows.filter(row => row.quiet);
      const speaks = new Set(lit === null ? [] : rowOf(value, lit)?.events);
      return [
        h('header.top', {}, h('h2', {}, text.learned)),
        !value.judged && !value.said.length && h('p.empty', {}, text.learned_empty),
        offers(value),
        value.judged > 0 && h('p.sentence', {}, value.sentence),
        loud.length > 0 && h('ul.bars', { 'aria-label': text.believed, data: { key: 'bars' } }, loud.map(row => belief(row, value))),
        quiet.length > 0 && h('details.less', { open: shown, data: { key: 'less', toggle: 'more' } }, h('summary', {}, fill(text.more_knobs, { count: quiet.length })),
          h('ul.bars', {}, quiet.map(row => belief(row, value)))),
        again(value),
        value.said.length > 0 && h('h3', { data: { key: 'said-title' } }, text.said),
        value.agreement && h('p.agreement.small', { data: { key: 'agreement' } }, value.agreement),
        value.said.length > 0 && h('ul.said', { data: { key: 'said' } }, value.said.map(each => h('li', { class: each.events.some(event => speaks.has(event)) ? 'speaks' : '', data: { key: `said-${each.events[0]}` } }, h('span', {}, each.text),
          h('button.icon', { type: 'button', title: text.take_back, 'aria-label': `${text.take_back}: ${each.text}`, data: { click: 'back', round: each.round ?? '', events: JSON.stringify(each.events) } }, icon('close'))))),
        menu(value),
      ];
    },
  });
})();
