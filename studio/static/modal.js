// A dialog: while it is open, nothing else on the page can be reached or is read out; what had the focus gets it back.
(() => {
  let back = null;   // what had the focus before
  let shut = [];     // what cannot be reached meanwhile
  let keyed = false; // whether the artist's last act was by key

  // What a mouse has pressed does not get the focus back, else Enter would press it again instead of asking for more.
  const returns = element => keyed || !element?.matches('button');

  function enter(dialog, first, before) {
    leave();
    back = returns(before) ? before : null;
    for (let at = dialog; at !== document.body; at = at.parentElement)
      for (const beside of at.parentElement.children) if (beside !== at && !beside.inert) { beside.inert = true; shut.push(beside); }
    first.focus();
  }

  function leave() {
    for (const each of shut) each.inert = false;
    if (back?.isConnected && returns(back)) back.focus({ preventScroll: true });
    [back, shut] = [null, []];
  }

  addEventListener('keydown', () => { keyed = true; }, true);
  addEventListener('pointerdown', () => { keyed = false; }, true);
  Duet.modal = { enter, leave };
})();
