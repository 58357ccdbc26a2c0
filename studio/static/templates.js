// Templates: how the notebook becomes a prompt. The text of the one that is chosen goes into the brief, with its fields.
(() => {
  const { h, icon, fill, store, redraw } = Duet;
  const KEPT = 'duet-templates'; // the artist's own, in this browser: [{name, text}]
  const NAMES = ['template', 'form', 'style'];
  let naming = false; // whether a name is asked for
  let open = false;   // whether the text of the template is shown

  const mine = () => store.get(KEPT) || [];

  function draw(form, engine, options, room) {
    const spec = engine.options.find(each => each.name === 'template');
    if (!spec) return null;
    const text = form.text, all = [...form.templates, ...mine().map(each => ({ ...each, label: each.name, own: true }))];
    const here = all.find(each => each.text === options.template);
    const fields = engine.options.filter(each => NAMES.includes(each.name) && each.name !== 'template' && options.template.includes(`{${each.name}}`));
    return h('div.part.templates', { data: { key: 'templates' } },
      h('div.part-head', {}, h('h3', {}, text.template), room?.parts?.template > 0 && h('span.cost', {}, fill(text.tokens, { count: room.parts.template }))),
      h('div.chips', { role: 'radiogroup', 'aria-label': text.template }, all.map(each => h('span.chip', { class: each === here ? 'chosen' : '', data: { key: `chip-${each.name}` } },
        h('button', { type: 'button', role: 'radio', 'aria-checked': String(each === here), title: each.text, data: { click: 'template', name: each.name } }, each.label),
        each.own && each === here && h('button.icon', { type: 'button', 'aria-label': fill(text.template_forget, { name: each.label }), title: fill(text.template_forget, { name: each.label }), data: { click: 'templateOff', name: each.name } }, icon('close')))),
      !here && h('span.chip.chosen', {}, h('button', { type: 'button', role: 'radio', 'aria-checked': 'true', data: { click: 'templateOpen' } }, text.template_own))),
      options.template && h('p.small', {}, options.template.includes('{style}') ? text.template_rewrites : text.template_about),
      fields.map(each => h('label.field', { data: { key: `field-${each.name}` } }, h('span', { title: each.help }, each.label),
        h('input', { type: 'text', dir: 'auto', value: options[each.name], data: { change: 'option', name: each.name } }))),
      h('details.template-text', { open, data: { key: 'template-text', toggle: 'templateOpen' } }, h('summary', {}, text.template_text),
        h('textarea', { rows: 4, dir: 'auto', 'aria-label': text.template_text, title: spec.help, data: { change: 'option', name: 'template' } }, options.template),
        h('p.small', {}, text.template_help),
        naming
          ? h('input.add', { type: 'text', dir: 'auto', placeholder: text.template_name, 'aria-label': text.template_name, maxlength: 40, data: { change: 'templateKeep', key: 'naming' } })
          : h('button.link', { type: 'button', data: { click: 'templateName' } }, here?.own ? text.template_rename : text.template_keep)));
  }

  const find = name => [...(Duet.value('brief').templates || []), ...mine()].find(each => each.name === name);

  Duet.templates = {
    owns: name => NAMES.includes(name),
    draw,
    on: {
      template(button) { Duet.textForm.choose('template', find(button.dataset.name).text); },
      templateOpen(element) { if (element.matches('details')) open = element.open; else { open = true; redraw('brief'); } },
      templateName() { naming = true; redraw('brief'); document.querySelector('.template-text input.add')?.focus(); },
      templateKeep(input) {
        const name = input.value.trim(), text = Duet.textForm.option('template');
        naming = false;
        if (name) store.set(KEPT, [...mine().filter(each => each.name !== name && each.text !== text), { name, text }]);
        redraw('brief');
      },
      templateOff(button) { store.set(KEPT, mine().filter(each => each.name !== button.dataset.name)); redraw('brief'); },
    },
  };
})();
