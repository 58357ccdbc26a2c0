// What both forms are made of: a row with its lock, sliders and fields by an option's own facts, steering and chance.
(() => {
  const { h, icon, fill } = Duet;

  function slot(text, { label, name, input, shown = '', knob, locked, first, last, help }) {
    const told = fill(locked ? text.unlock : text.lock, { name: label });
    return h('div.row', { class: locked ? 'locked' : '', data: { key: `row-${name}` } },
      first, h('label', { for: `d-${name}`, title: help || label }, label), input, h('output', {}, shown),
      knob && h('button.icon', { type: 'button', 'aria-pressed': String(locked), 'aria-label': told, title: told, data: { click: 'lock', name } }, icon(locked ? 'lock' : 'unlock')), last);
  }

  function setter(spec, at) { // what sets an option, and how it tells its value
    const facts = { id: `d-${spec.name}`, title: spec.help, data: { change: 'option', name: spec.name } };
    if (spec.kind === 'choice') return [h('select', facts, spec.choices.map(each => h('option', { value: each, selected: each === at }, spec.names?.[each] || each))), ''];
    if (spec.kind === 'switch') return [h('input', { ...facts, type: 'checkbox', checked: at }), ''];
    if (spec.kind === 'text') return [h('input', { ...facts, type: 'text', dir: 'auto', value: at }), ''];
    return [range(spec.name, spec, at, 'option', { title: spec.help }), Number(at).toFixed(spec.step % 1 ? 2 : 0)];
  }

  function range(name, spec, at, input, extraProps = {}) {
    const share = (at - spec.low) / (spec.high - spec.low);
    return h('input', { type: 'range', id: `d-${name}`, min: spec.low, max: spec.high, step: spec.step, value: at,
      style: { '--at': `${100 * share}%` }, data: { input, name }, ...extraProps });
  }

  function chance(value, draft, counts = [1, 2, 3, 4]) { // how many variants, where that is not asked elsewhere, and where chance starts
    const { common, text } = value;
    return [
      counts.length > 0 && h('label.field', {}, h('span', {}, common.variants.label), h('select', { data: { change: 'common', name: 'variants' } }, counts.map(count =>
        h('option', { value: count, selected: count === draft.variants }, count)))),
      h('div.field', {}, h('label', { for: 'd-seed' }, common.seed.label),
        h('span.seed', {}, h('input', { id: 'd-seed', type: 'number', min: common.seed.low, max: common.seed.high, step: 1, value: draft.seed, title: common.seed.help, data: { change: 'seed' } }),
          h('button.icon', { type: 'button', title: text.dice, 'aria-label': text.dice, data: { click: 'dice' } }, icon('dice')))),
      h('label.field.check', {}, h('input', { type: 'checkbox', checked: draft.fresh, data: { change: 'fresh' } }), h('span', {}, text.new_seed)),
    ];
  }

  function steering(value, draft) {
    const spec = value.common.steering, text = value.text;
    return h('div.row.steering', { data: { key: 'steering' } },
      h('label', { for: 'd-steering', title: spec.help }, spec.label),
      h('span.end', {}, text.steering_off), range('steering', spec, draft.steering, 'common', { title: spec.help }), h('span.end', {}, text.steering_full));
  }

  // What the artist gave after the studio told the next brief (`then`) stays through a pick, and goes where the studio goes on from elsewhere.
  function stays(mine, then = null, now = null) {
    return mine !== then && (now === then || (then === null && mine)) ? mine : now;
  }

  Duet.controls = { slot, setter, range, chance, steering, stays };
})();
