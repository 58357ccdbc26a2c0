// Hands of one's own: a translator learns from groups of pictures, each drawn in another way, to draw a picture of one as the others would.
(() => {
  const { h, fill } = Duet;
  const MOST = 8; // hands that one translator may have

  const charts = text => [
    { title: text.gan_chart_losses, reads: text.hands_chart_losses_read, lines: [{ name: 'adversarial', label: text.gan_line_generator }, { name: 'judge', label: text.gan_line_discriminator }] },
    { title: text.gan_chart_verdicts, reads: text.hands_chart_verdicts_read, lines: [{ name: 'real', label: text.hands_line_real }, { name: 'drawn', label: text.hands_line_drawn }], mark: { at: 0, label: text.hands_mark } },
    { title: text.hands_chart_kept, reads: text.hands_chart_kept_read, lines: [{ name: 'cycle', label: text.hands_line_cycle }, { name: 'style', label: text.hands_line_style }, { name: 'diversity', label: text.hands_line_diversity }] },
  ];

  function pictures(text, laid, basket) { // a group of pictures a hand, and room for one more
    const next = `${text.hands_hand} ${laid.groups.length + 1}`;
    return [...laid.groups, ...(laid.groups.length < MOST ? [{ name: next, count: 0, some: [] }] : [])].map((group, at) => h('div.hand', { data: { key: `hand-${at}` } },
      group.count ? h('input', { type: 'text', dir: 'auto', maxlength: 40, value: group.name, 'aria-label': fill(text.hands_name, { number: at + 1 }), title: fill(text.hands_name, { number: at + 1 }), data: { change: 'renameHand', group: group.name } }) : h('h3', {}, at < 2 ? fill(text.hands_next, { number: at + 1 }) : text.hands_more),
      basket.thumbs(text, group, group.name)));
  }

  Duet.hands = Duet.trainer({
    kind: 'hands', mode: 'style', suffix: '.translator.safetensors', opens: 'hands', samples: 8, grouped: true,
    mine: each => each.what === 'hand', look: each => Duet.hands.look(each),
    words: text => ({ title: text.hands_title, hint: text.hands_hint, offer: text.hands_offer, mine: text.hands_mine, none: text.hands_none, bring: text.hands_bring, use: text.hands_use }),
    enough: laid => laid.groups.length > 1, pictures, charts,
    on: ({ act }) => ({ renameHand(input) { const to = input.value.trim(); if (to) act('rename', { group: input.dataset.group, to }); else input.value = input.defaultValue; } }),
    use: each => Duet.styleForm.chooseHand(`sha256:${each.sha}`),
  });
  // A hand has no picture of its own: the last samples of its training show it.
  Duet.hands.look = each => (each.record && each.about.look >= 0 ? `duet/${Duet.value('brief').session}/record/${(each.sha || each.ref).replace('sha256:', '')}/${each.about.look}.jpg` : null);
})();
