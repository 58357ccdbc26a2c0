// Why a picture by optimisation looks as it does: what pulled at it, how much of that is still unmet, and what each would paint alone.
(() => {
  const { h, define, icon, redraw, panels, fill } = Duet;
  const root = document.body.appendChild(h('section.duet-why', { id: 'duet-why' }));
  let shown = null;  // {round, each, parts, pictures: name -> address, ahead, done, problem}
  let asking = null;

  async function open(index) {
    const round = Duet.value('round'), each = round.tiles.find(one => one.index === index);
    if (shown || !each?.src) return;
    const before = document.activeElement;
    shown = { round, each, parts: null, pictures: {}, ahead: 0, done: false, problem: '' };
    panels.why.value = {};
    redraw('why');
    Duet.modal.enter(root, root.querySelector('.veil'), before);
    await listen(shown, asking = new AbortController());
  }

  async function listen(here, mine) { // lines of JSON, each as soon as it is known
    try {
      const { session, language } = Duet.value('header');
      const answer = await fetch(`duet/${session}/why?lang=${language}`, { method: 'POST', signal: mine.signal, body: JSON.stringify({ round: here.round.round, variant: here.each.index }) });
      if (!answer.ok) throw new Error((await answer.json()).error);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = '', chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        const lines = (rest + chunk.value).split('\n');
        rest = lines.pop();
        for (const line of lines) hear(here, JSON.parse(line));
      }
      if (!here.done && !here.problem) here.problem = Duet.value('header').text.lost;
    } catch (error) { if (mine.signal.aborted) return; here.problem = error instanceof TypeError ? Duet.value('header').text.lost : error.message; }
    if (shown === here) redraw('why');
  }

  function hear(here, told) {
    if (told.parts) here.parts = told.parts;
    if (told.src) here.pictures[told.name] = told.src;
    here.ahead = told.ahead || 0;
    here.done = here.done || Boolean(told.done);
    here.problem = told.error || here.problem;
    if (shown === here) redraw('why');
  }

  function close() {
    if (!shown) return;
    asking?.abort();
    const back = shown.each.index;
    shown = null;
    redraw('why');
    Duet.modal.leave();
    if (document.activeElement === document.body) Duet.focusOn(back);
  }

  const percent = share => (share >= 0.0995 || share === 0 ? (100 * share).toFixed(0) : (100 * share).toFixed(1));

  function part(each, text) {
    const [kind, layer] = each.name.split(':'), picture = shown.pictures[each.name];
    return h('li', { class: kind, data: { key: each.name } },
      layer && h('span.alone', { class: picture ? '' : 'coming' }, picture && h('img', { src: picture, alt: fill(text.why_alone, { part: each.label }) })),
      h('b', {}, text[`why_${layer && kind === 'style' ? layer : kind}`] || each.label), h('small', {}, each.label),
      h('div.share', { style: { '--share': each.share } }, h('i', { 'aria-hidden': 'true' }), h('span', {}, `${percent(each.share)} %`)),
      h('small', {}, fill(text.why_loss, { loss: Number((100 * each.loss).toPrecision(2)) })));
  }

  define('why', {
    root, value: {},
    on: { close, backdrop(element, event) { if (event.target === element) close(); } },
    draw() {
      if (!shown) return [];
      const { round: { text, aspect }, each, parts, ahead, done, problem } = shown;
      return h('div.veil', { role: 'dialog', 'aria-modal': 'true', tabindex: '-1', 'aria-label': fill(text.why_title, { number: each.number }), data: { click: 'backdrop' } },
        h('div.reasons', {},
          h('header', {}, h('h2', {}, fill(text.why_title, { number: each.number })), h('button.act', { type: 'button', 'aria-label': text.close, title: text.close, data: { click: 'close' } }, icon('close'))),
          h('div.told', { style: { '--ar': aspect } }, h('img', { src: each.src, alt: each.facts.join(', ') }), h('div', {}, h('p', {}, text.why_hint), h('p.facts', {}, each.facts.join(' · ')))),
          problem ? h('p.problem', { role: 'alert' }, problem) : h('p.small', { role: 'status' }, ahead ? fill(text.why_ahead, { count: ahead }) : done ? '' : text.why_painting),
          h('ul', { style: { '--ar': aspect } }, (parts || []).map(one => part(one, text)))));
    },
  });
  panels.why.root = root;
  root.addEventListener('click', event => {
    const target = event.target.closest('[data-click]');
    if (target) panels.why.on[target.dataset.click]?.(target, event);
  });

  Duet.why = { open, close, isOpen: () => shown !== null };
})();
