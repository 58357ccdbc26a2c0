// What surfaces to draw on have in common: the canvas of image mode and the style brush. Coordinates are shares of the width.
(() => {
  // Pen, finger and mouse, one at a time: `down(x, y, event)` says whether a stroke begins, `move(x, y, event)` hears every point of
  // it, those too that came between two frames, `moved()` once a frame, and `up()` ends it.
  function pointers(board, { down, move, moved, up }) {
    let going = null; // the pointer that draws
    const where = event => {
      const box = board.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.width];
    };
    board.addEventListener('touchstart', event => event.preventDefault(), { passive: false }); // a quick stroke is no fling
    board.addEventListener('pointerdown', event => {
      if (going !== null || (event.button !== 0 && event.button !== 5)) return; // 5 is the other end of a pen
      event.preventDefault();
      board.setPointerCapture(event.pointerId);
      if (down(...where(event), event)) going = event.pointerId;
    });
    board.addEventListener('pointermove', event => {
      if (event.pointerId !== going) return;
      const between = event.getCoalescedEvents?.() || [];
      for (const each of between.length ? between : [event]) move(...where(each), each);
      moved();
    });
    for (const kind of ['pointerup', 'pointercancel'])
      board.addEventListener(kind, event => { if (event.pointerId === going) { going = null; up(); } });
  }

  // Steps that can be taken back: whole states, the latest `most` of them.
  function steps(most) {
    let past = [], ahead = [];
    return {
      keep(state) { past = [...past.slice(1 - most), state]; ahead = []; },
      undo(now) { if (!past.length) return null; ahead.push(now); return past.pop(); },
      redo(now) { if (!ahead.length) return null; past.push(now); return ahead.pop(); },
      can: kind => (kind === 'undo' ? past : ahead).length > 0,
      forget() { past = []; ahead = []; },
    };
  }

  Duet.surface = { pointers, steps };
})();
