// Pictures that are laid down to learn from: dropped, chosen, out of a zip or a folder, or those of the session; and what was skipped.
(() => {
  const { h, icon, fill } = Duet;
  const TOGETHER = 32, MUCH = 2 ** 25; // files that are sent at once, and bytes of them

  // `ask(path, body, headers)` asks the studio and `take(answer)` hears it; `changed` draws anew. One of these a sheet.
  function basket({ ask, take, changed, place, grouped, together = TOGETHER }) { // `grouped`: whether each folder is a group
    let queue = [], sent = 0, total = 0, going = false, halted = false;

    const folder = file => file.webkitRelativePath?.split('/').at(-2);
    const sending = () => going || queue.length > 0;

    function add(files, group = '') {
      const some = [...files].filter(each => !each.name.startsWith('.'));
      if (!sending()) [sent, total, halted] = [0, 0, false];
      queue.push(...some.map(file => ({ file, group: (grouped && folder(file)) || group })));
      total += some.length;
      if (!going) send();
      changed();
    }

    function next() { // some files of one group, of which a large one goes alone
      const some = [queue.shift()];
      for (let size = some[0].file.size; queue.length && some.length < together && queue[0].group === some[0].group && (size += queue[0].file.size) < MUCH;) some.push(queue.shift());
      return some;
    }

    async function send() { // the next ones, until there are none
      let wrong = null;
      going = true;
      while (queue.length) {
        const some = next(), files = some.map(each => each.file);
        const names = files.map(file => [file.under || file.webkitRelativePath || file.name, file.size]);
        const found = await ask('picture', new Blob(files), { 'X-Files': encodeURIComponent(JSON.stringify(names)), 'X-Group': encodeURIComponent(some[0].group) });
        sent += some.length;
        if (found.error && !found.status) wrong = found;
        if (!queue.length) going = false;
        take(found);
      }
      if (wrong) { take(await ask('')); take(wrong); } // what came of the others, and what went wrong
    }

    function halt() { halted = true; queue = []; ask('halt', {}).then(take); }

    async function dropped(transfer, group = '') { // folders, too
      const entries = [...transfer.items].map(each => each.webkitGetAsEntry?.()).filter(Boolean), files = [...transfer.files];
      if (!entries.some(each => each.isDirectory)) { add(files, group); return; }
      const found = [];
      for (const entry of entries) await gathered(entry, found);
      add(found, group);
    }

    async function gathered(entry, found) {
      if (entry.isFile) { found.push(Object.assign(await new Promise((resolve, reject) => entry.file(resolve, reject)), { under: entry.fullPath.slice(1) })); return; }
      const reader = entry.createReader();
      for (let some = await read(reader); some.length; some = await read(reader)) for (const each of some) await gathered(each, found);
    }

    const read = reader => new Promise(resolve => reader.readEntries(resolve, () => resolve([])));

    function status(text, laid) {
      const [done, all] = laid.settling || [];
      if (laid.adding) return fill(text.gan_unzipping, { name: laid.adding.name, percent: Math.round(100 * laid.adding.done) });
      if (sending() && !halted) return fill(text.gan_sending, { done: Math.min(sent + 1, total), total });
      return laid.settling ? fill(text.pairs_finding, { done: Math.min(done + 1, all), total: all }) : '';
    }

    function thumbs(text, group, words) {
      const some = group?.some || [], rest = (group?.count || 0) - some.length;
      return h('div.pictures', { class: some.length ? '' : 'empty', role: 'group', 'aria-label': words, data: { dragover: 'over', drop: 'dropped', group: group?.name ?? '' } },
        h('label.add', { title: text.gan_add }, icon('plus'), !some.length && h('span', {}, text.gan_drop),
          h('input', { type: 'file', multiple: true, accept: 'image/*,.zip', 'aria-label': text.gan_add, data: { change: 'add', group: group?.name ?? '' } })),
        some.map(name => h('button.thumb', { type: 'button', title: text.gan_remove, 'aria-label': text.gan_remove, data: { click: 'takeOut', name, group: group.name, key: `${group.name}-${name}` } },
          h('img', { src: place(`picture/${encodeURIComponent(group.name)}/${name}`), alt: '', loading: 'lazy' }))),
        rest > 0 && h('span.rest', {}, fill(text.gan_more_pictures, { count: rest })));
    }

    function skipped(text, laid) {
      return laid.skipped.length > 0 && h('details.skipped', { data: { key: 'skipped' } }, h('summary', {}, fill(text.gan_skipped, { count: laid.skipped.length })),
        h('ul', {}, laid.skipped.map(([name, why]) => h('li', {}, !why.startsWith(name) && [h('b', {}, name), ' '], why))));
    }

    function ways(text, laid, count, own) { // other ways in, and out
      const said = status(text, laid);
      return h('div.ways', { data: { key: 'ways' } },
        said ? h('p.status', { role: 'status' }, said, ' ', h('button.quiet', { type: 'button', data: { click: 'halt' } }, text.gan_halt))
          : h('p.status', { role: 'status' }, count),
        h('label.link.file', {}, text.gan_folder, h('input', { type: 'file', webkitdirectory: true, multiple: true, 'aria-label': text.gan_folder, data: { change: 'add' } })),
        own && laid.own > 0 && h('button.link', { type: 'button', data: { click: 'mine' } }, fill(text.gan_own, { count: laid.own })),
        laid.groups.length > 0 && h('button.link', { type: 'button', data: { click: 'clear' } }, text.gan_clear));
    }

    return { add, dropped, halt, sending, thumbs, skipped, ways, place };
  }

  Duet.basket = basket;
})();
