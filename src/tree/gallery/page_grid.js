// The grid: rows of one height across the page, laid out by arithmetic; only those near the window
// exist as elements.

const NEAR = 700;       // pixels above and below the window
const PATIENCE_MS = 90; // a picture that is only passed by is never loaded ...
const FAST = 120;       // ... and none while so many pixels pass in a frame

class Grid {
	constructor(root, open, mark) {
		this.root = root;
		this.open = open;
		this.mark = mark;
		this.jobs = [];
		this.rows = [];
		this.made = new Map(); // index: element
		this.heads = new Map();
		this.current = 0;
		this.height = 230;
		this.marked = () => false;
		root.addEventListener('click', (event) => this.clicked(event));
		root.addEventListener('focusin', (event) => this.focused(event));
		addEventListener('scroll', () => this.soon(), {passive: true});
		new ResizeObserver(() => this.resized()).observe(root);
	}

	show(jobs, headed) {
		const kept = this.jobs[this.current];
		this.jobs = jobs;
		this.headed = headed;
		this.current = Math.max(0, kept ? jobs.indexOf(kept) : 0);
		this.lay_out();
	}

	// (An open dialog takes the scroll bar away, and gives it back.)
	resized() {
		if (this.root.clientWidth === this.width || document.querySelector('dialog[open]'))
			return;
		const anchor = this.anchor();
		this.lay_out();
		this.restore(anchor);
	}

	set_height(height) {
		const anchor = this.anchor();
		this.height = height;
		this.lay_out();
		this.restore(anchor);
	}

	// The picture at the top of the window, to come back to it when rows are laid out anew.
	anchor() {
		const row = this.rows[this.row_at(scrollY - this.root.offsetTop)];
		return row && scrollY > this.root.offsetTop ? row.first : -1;
	}

	restore(index) {
		const row = index >= 0 && this.rows.find((r) => r.count && r.first + r.count > index);
		if (row)
			scrollTo(0, row.y + this.root.offsetTop - 120);
	}

	// --- layout

	heading_of(job, by_month) {
		if (!job.time)
			return 'No date';
		if (by_month)
			return month_format.format(job.day);
		const today = start_of_day(Date.now());
		if (job.day === today)
			return 'Today';
		return job.day === day_before(today, 1) ? 'Yesterday' : day_format.format(job.day);
	}

	// Days of few pictures would leave the page empty: then months.
	by_month() {
		const days = new Set(this.jobs.map((job) => job.day));
		return this.jobs.length / days.size < 6 && days.size > 3;
	}

	lay_out() {
		const width = this.width = this.root.clientWidth;
		const gap = this.gap = width < 600 ? 4 : 10;
		const target = Math.min(this.height, width * 0.8);
		const by_month = this.headed && this.by_month();
		let y = 0, row = null, sum = 0, heading = null, day = null;
		const rows = [];
		const end = (full) => {
			if (!row)
				return;
			const fit = (width - gap * (row.count - 1)) / sum;
			row.scale = full ? fit : Math.min(fit, target);
			row.h = Math.round(row.scale);
			row.y = y;
			y += row.h + gap;
			rows.push(row);
			row = null;
		};
		this.jobs.forEach((job, index) => {
			const text = this.headed && job.day !== day ? this.heading_of(job, by_month) : heading;
			day = job.day;
			if (text !== heading) {
				end(false);
				heading = text;
				y += rows.length ? 18 : 0;
				rows.push({y, h: 40, first: index, count: 0, text});
				y += 40;
			}
			if (!row) {
				row = {first: index, count: 0};
				sum = 0;
			}
			row.count++;
			sum += job.shape;
			if (sum * target + gap * (row.count - 1) >= width)
				end(true);
		});
		end(false);
		this.rows = rows;
		this.root.style.height = Math.max(0, y) + 'px';
		this.clear();
		this.draw();
	}

	row_at(y) {
		let low = 0, high = this.rows.length - 1;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.rows[middle].y + this.rows[middle].h < y)
				low = middle + 1;
			else
				high = middle;
		}
		return low;
	}

	row_of(index) {
		let low = 0, high = this.rows.length - 1;
		while (low < high) {
			const middle = (low + high) >> 1;
			const row = this.rows[middle];
			if (row.first + row.count <= index)
				low = middle + 1;
			else
				high = middle;
		}
		return this.rows[low];
	}

	// --- elements

	soon() {
		if (this.waiting)
			return;
		this.waiting = true;
		requestAnimationFrame(() => {
			this.waiting = false;
			this.draw();
		});
	}

	clear() {
		const focus = this.has_focus();
		for (const element of this.made.values())
			this.drop(element);
		for (const element of this.heads.values())
			element.remove();
		this.made.clear();
		this.heads.clear();
		this.refocus = focus;
	}

	drop(element) {
		clearTimeout(element.patience);
		const img = element.querySelector('img');
		if (img)
			img.removeAttribute('src');
		element.remove();
	}

	draw() {
		this.top = this.root.offsetTop;
		const top = scrollY - this.top;
		if (Math.abs(top - this.last) > FAST)
			this.fast = performance.now();
		this.last = top;
		const from = top - NEAR, to = top + innerHeight + NEAR;
		const wanted = new Set(), heads = new Set();
		for (let i = this.row_at(from); i < this.rows.length && this.rows[i].y < to; i++) {
			const row = this.rows[i];
			if (row.count)
				this.draw_row(row, wanted);
			else
				this.draw_heading(row, i, heads);
		}
		const focused = this.has_focus() ? this.current : -1;
		for (const [index, element] of this.made)
			if (!wanted.has(index) && index !== focused) {
				this.drop(element);
				this.made.delete(index);
			}
		for (const [index, element] of this.heads)
			if (!heads.has(index)) {
				element.remove();
				this.heads.delete(index);
			}
		this.rove();
		if (this.refocus)
			this.focus(this.current);
		this.refocus = false;
		this.root.setAttribute('aria-busy', 'false');
	}

	draw_heading(row, index, heads) {
		heads.add(index);
		if (this.heads.has(index))
			return;
		const element = make('h2', {className: 'day'}, row.text);
		element.style.transform = `translateY(${row.y}px)`;
		this.heads.set(index, element);
		this.root.append(element);
	}

	draw_row(row, wanted) {
		let x = 0;
		for (let index = row.first; index < row.first + row.count; index++) {
			const next = x + this.jobs[index].shape * row.scale;
			wanted.add(index);
			if (!this.made.has(index))
				this.add(index, Math.round(x), row, Math.round(next) - Math.round(x));
			x = next + this.gap;
		}
	}

	add(index, x, row, width) {
		const element = this.tile(this.jobs[index], index);
		element.style.transform = `translate(${x}px, ${row.y}px)`;
		element.style.width = width + 'px';
		element.style.height = row.h + 'px';
		this.made.set(index, element);
		// In the page's order, for who goes through it without eyes.
		let after = null;
		for (const [other, node] of this.made)
			if (other > index && (after === null || other < after.index))
				after = {index: other, node};
		this.root.insertBefore(element, after && after.node.parentNode ? after.node : null);
		this.load_later(element, this.jobs[index]);
	}

	load_later(element, job) {
		const img = element.querySelector('img');
		const load = () => {
			if (this.fast && performance.now() - this.fast < PATIENCE_MS)
				element.patience = setTimeout(load, PATIENCE_MS);
			else
				img.src = address(job.path);
		};
		if (img)
			element.patience = setTimeout(load, PATIENCE_MS);
	}

	tile(job, index) {
		const words = STATE_WORDS[job.state] || job.state;
		const label = `${job.prompt || job.id}. ${words}${
				      job.time ? ', ' + moment_format.format(job.time) : ''}` +
			(job.rating ? `, rated ${job.rating} of 10` : '');
		const open = make('button',
			{type: 'button', className: 'open', 'aria-label': label, tabIndex: -1}, this.face(job));
		const chosen = this.marked(job);
		const mark = make('button', {
			type: 'button',
			className: 'mark',
			'aria-label': 'Compare: ' + (job.prompt || job.id),
			'aria-pressed': String(chosen),
			tabIndex: -1,
			title: 'Choose for a comparison (c)',
		}, icon('check'));
		const caption = make('span', {className: 'caption', 'aria-hidden': 'true'},
			make('span', {dir: 'auto'}, job.prompt || job.id),
			job.rating ? make('em', null, stars_text(job.rating)) : null);
		const element = make('article', {
			className: 'tile ' + job.group + (chosen ? ' chosen' : ''),
			'aria-posinset': index + 1,
			'aria-setsize': this.jobs.length,
			'data-number': job.number,
		}, open, job.group === 'ready' ? caption : null, job.group === 'ready' ? mark : null);
		element.index = index;
		return element;
	}

	face(job) {
		if (job.group === 'ready') {
			const img = make('img', {alt: '', decoding: 'async', loading: 'lazy', draggable: true});
			img.onload = () => img.classList.add('there');
			img.onerror = () =>
				img.getAttribute('src') && img.closest('.tile')?.classList.add('broken');
			return img;
		}
		const error = job.error && job.error.message;
		return make('span', {className: 'card'},
			make('span', {className: 'state'},
				job.group === 'failed' ? icon('failed') : make('i', {className: 'pulse'}),
				STATE_WORDS[job.state] || job.state),
			make('span', {className: 'words', dir: 'auto'}, job.prompt || job.id),
			job.group === 'failed' && error ? make('span', {className: 'why', dir: 'auto'}, error) :
							  null);
	}

	refresh_marks() {
		for (const [index, element] of this.made) {
			const chosen = this.marked(this.jobs[index]);
			element.classList.toggle('chosen', chosen);
			element.querySelector('.mark')?.setAttribute('aria-pressed', String(chosen));
		}
	}

	// --- keys and focus

	has_focus() {
		return this.root.contains(document.activeElement);
	}

	// One picture can be reached with Tab; arrows go on from it.
	rove() {
		for (const [index, element] of this.made)
			for (const button of element.querySelectorAll('button'))
				button.tabIndex = index === this.current ? 0 : -1;
		if (this.made.size && !this.made.has(this.current) && !this.has_focus()) {
			let at = this.row_at(scrollY + 140 - this.top);
			while (this.rows[at + 1] && !this.rows[at].count)
				at++;
			this.current = this.rows[at].first;
			const button = this.made.get(this.current)?.querySelector('.open');
			if (button)
				button.tabIndex = 0;
		}
	}

	focused(event) {
		const tile = event.target.closest('.tile');
		if (tile && this.current !== tile.index) {
			this.current = tile.index;
			this.rove();
		}
	}

	focus(index) {
		if (!this.jobs.length)
			return;
		this.current = Math.max(0, Math.min(this.jobs.length - 1, index));
		const row = this.row_of(this.current);
		const y = row.y + this.root.offsetTop;
		const above = (document.querySelector('.top')?.offsetHeight || 0) + 12;
		if (y < scrollY + above)
			scrollTo(0, y - above);
		else if (y + row.h > scrollY + innerHeight - 12)
			scrollTo(0, y + row.h - innerHeight + 12);
		if (!this.made.has(this.current))
			this.draw();
		this.rove();
		this.made.get(this.current)?.querySelector('.open').focus({preventScroll: true});
	}

	centre(index) {
		const row = this.row_of(index);
		let x = 0;
		for (let i = row.first; i < index; i++)
			x += this.jobs[i].shape * row.scale + this.gap;
		return x + this.jobs[index].shape * row.scale / 2;
	}

	// The one in the row above or below that lies nearest.
	vertical(step) {
		let at = this.rows.indexOf(this.row_of(this.current)) + step;
		while (this.rows[at] && !this.rows[at].count)
			at += step;
		const row = this.rows[at];
		if (!row)
			return this.current;
		const x = this.centre(this.current);
		let best = row.first;
		for (let i = row.first; i < row.first + row.count; i++)
			if (Math.abs(this.centre(i) - x) < Math.abs(this.centre(best) - x))
				best = i;
		return best;
	}

	key(event) {
		const moves = {
			ArrowLeft: () => this.current - 1,
			ArrowRight: () => this.current + 1,
			ArrowUp: () => this.vertical(-1),
			ArrowDown: () => this.vertical(1),
			Home: () => 0,
			End: () => this.jobs.length - 1,
		};
		const move = moves[event.key];
		if (!move || !this.jobs.length)
			return false;
		this.focus(this.has_focus() || !event.key.startsWith('Arrow') ? move() : this.current);
		return true;
	}

	clicked(event) {
		const tile = event.target.closest('.tile');
		if (!tile)
			return;
		if (event.target.closest('.mark') || event.ctrlKey || event.metaKey)
			this.mark(this.jobs[tile.index]);
		else if (event.target.closest('.open'))
			this.open(tile.index);
	}
}
