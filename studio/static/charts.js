// Curves of a training: lines over its steps, with a mark to hold them against and a sentence that says how to read them.
(() => {
  const { h } = Duet;
  const WIDE = 320, HIGH = 120, EDGE = 6; // of the drawing, which is stretched

  const shown = (value, digits = 2) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(digits));

  // `lines`: [{name, label}], names of columns of `curve`; `mark`: {at, label}, a value of note; `range`: [low, high], else as the values are; `log`: powers of ten lie equally far apart.
  function chart({ title, reads, lines, mark, range, log }, curve, empty) {
    const steps = curve.step || [], there = lines.filter(each => curve[each.name]), values = there.flatMap(each => curve[each.name]).filter(each => each !== null);
    if (!values.length) return h('figure.chart', { data: { key: title } }, h('h4', {}, title), h('div.plot.empty', {}, empty), h('p.legend', {}, '\u00a0'), h('p', {}, reads));
    const all = mark ? [...values, mark.at] : values, at = value => (log ? Math.log10(Math.max(value, 1e-4)) : value), told = value => (log ? 10 ** value : value);
    const [low, high] = range || [at(Math.min(...all)), at(Math.max(...all))], digits = told(high) - told(low) < 0.1 ? 3 : 2, room = range ? 0 : Math.max(1e-6, high - low) * 0.06;
    const last = steps.at(-1) || 1, first = Math.min(steps[0] || 0, last - 1e-6);
    const x = step => EDGE + (WIDE - 2 * EDGE) * (step - first) / (last - first);
    const y = value => EDGE + (HIGH - 2 * EDGE) * (high + room - at(value)) / (high - low + 2 * room);
    const path = column => column.map((value, at) => (value === null ? '' : `${at && column[at - 1] !== null ? 'L' : 'M'}${x(steps[at]).toFixed(1)} ${y(value).toFixed(1)}`)).join(' ');
    return h('figure.chart', { data: { key: title } }, h('h4', {}, title),
      h('div.plot', {},
        h('svg', { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${title}: ${there.map(each => `${each.label} ${shown(curve[each.name].at(-1) ?? 0, digits)}`).join(', ')}` },
          mark && h('line.mark', { x1: 0, x2: WIDE, y1: y(mark.at), y2: y(mark.at) }),
          there.map((each, at) => h(`path.line-${at}`, { d: `${path(curve[each.name])}${steps.length === 1 ? 'h0.01' : ''}`, 'stroke-linecap': 'round' }))),
        h('span.high', {}, shown(told(high), digits)), h('span.low', {}, shown(told(low), digits))),
      h('p.legend', {}, there.map((each, at) => h(`span.line-${at}`, {}, `${each.label} `, h('b', {}, shown(curve[each.name].at(-1) ?? 0, digits)))), mark && h('span.mark', {}, mark.label)),
      h('p', {}, reads));
  }

  Duet.chart = chart;
})();
