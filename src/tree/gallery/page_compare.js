// Two pictures side by side, and in what their inputs differ.

class Compare {
	constructor(changed) {
		this.changed = changed;
		this.pair = [];
		this.dialog = $('compare');
		$('compare-open').onclick = () => this.open();
		$('compare-clear').onclick = () => this.set([]);
		$('c-close').onclick = () => this.dialog.close();
	}

	has(job) {
		return this.pair.includes(job);
	}

	// A third takes the place of the first.
	toggle(job) {
		if (!job || job.group !== 'ready')
			return;
		this.set(this.has(job) ? this.pair.filter((other) => other !== job) :
					 [...this.pair, job].slice(-2));
		if ($('viewer').open)
			say(this.has(job) ? `Chosen: ${this.pair.length} of 2` : 'No longer chosen');
	}

	set(pair) {
		this.pair = pair;
		$('bar').hidden = !pair.length;
		document.body.classList.toggle('barred', pair.length > 0);
		$('chosen').replaceChildren(
			...pair.map((job) => make('img', {alt: job.prompt || job.id, src: address(job.path)})));
		$('chosen-text').textContent = pair.length < 2 ? 'Choose one more' : 'Two pictures';
		$('compare-open').disabled = pair.length < 2;
		this.changed();
	}

	open() {
		if (this.pair.length < 2)
			return;
		const [a, b] = this.pair;
		$('c-pair').replaceChildren(...this.pair.map(
			(job, i) => make('figure', null,
				make('a', {href: address(job.path), target: '_blank', rel: 'noopener'},
					make('img', {alt: job.prompt || job.id, src: address(job.path)})),
				make('figcaption', {dir: 'auto'}, make('b', null, 'AB'[i]), ' ', job.id))));
		this.fill(a, b);
		this.dialog.showModal();
	}

	// [name, text of a, text of b]
	fields(a, b) {
		const x = parse_input(a.input || '') || {}, y = parse_input(b.input || '') || {};
		const rows = [['model', a.model || '', b.model || '']];
		for (const key of new Set(['prompt', ...Object.keys(x), ...Object.keys(y)]))
			rows.push([
				key, value_text(key === 'prompt' ? a.prompt : x[key]),
				value_text(key === 'prompt' ? b.prompt : y[key])
			]);
		if (!('seed' in x) && !('seed' in y) && (a.seed || b.seed))
			rows.push(['seed', a.seed || '', b.seed || '']);
		rows.push(['size', size_of(a), size_of(b)]);
		return rows;
	}

	fill(a, b) {
		const rows = this.fields(a, b);
		const different = rows.filter(([, x, y]) => x !== y),
		      same = rows.filter(([, x, y]) => x === y && x);
		const plain = (text) => make('td', {dir: 'auto'}, text || '–');
		const body = different.map(([name, x, y]) => {
			const cells = name === 'prompt' ? this.marked(x, y) : [plain(x), plain(y)];
			return make('tr', {'data-field': name}, make('th', {scope: 'row'}, name.replace(/_/g, ' ')), ...cells);
		});
		$('c-table').hidden = !different.length;
		$('c-table').replaceChildren(make('caption', null, 'What differs'),
			make('thead', null,
				make('tr', null, make('td'), make('th', {scope: 'col'}, 'A'),
					make('th', {scope: 'col'}, 'B'))),
			make('tbody', null, ...body));
		const listed = same.flatMap(([name, x], i) => [i ? '; ' : '', name.replace(/_/g, ' ') + ' ', make('bdi', null, x)]);
		const words = different.length ? 'The same in both: ' : 'All inputs are the same: ';
		$('c-same').replaceChildren(make('b', null, words), ...listed);
	}

	marked(x, y) {
		const parts = word_differences(x, y);
		const cell = (kind, name) => {
			const own = parts.filter(([k]) => k === ' ' || k === kind);
			return make('td', {dir: 'auto'}, ...own.map(([k, text]) => (k === ' ' ? text : make(name, null, text))));
		};
		return [cell('-', 'del'), cell('+', 'ins')];
	}
}
