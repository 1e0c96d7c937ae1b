// One picture with all that is known of it; and copying.

let toast_timer = 0;

function say(text) {
	const toast = $('toast');
	toast.textContent = text;
	try {
		toast.hidePopover();
		toast.showPopover(); // above an open dialog
	} catch (error) {
		toast.classList.add('shown');
	}
	clearTimeout(toast_timer);
	toast_timer = setTimeout(() => {
		try {
			toast.hidePopover();
		} catch (error) {
			toast.classList.remove('shown');
		}
	}, 2200);
}

// The older way. What lies outside of an open dialog cannot be selected.
function copy_by_selection(text) {
	const area = make('textarea', {value: text, className: 'unseen', 'aria-hidden': 'true'});
	const before = document.activeElement;
	([...document.querySelectorAll('dialog[open]')].pop() || document.body).append(area);
	area.focus();
	area.select();
	let done = false;
	try {
		done = document.activeElement === area && document.execCommand('copy');
	} catch (error) {
		done = false;
	}
	area.remove();
	before?.focus?.({preventScroll: true});
	return done;
}

async function copy(text, what) {
	let done = false;
	try {
		await navigator.clipboard.writeText(text);
		done = true;
	} catch (error) {
		done = copy_by_selection(text);
	}
	if (done) {
		say(what + ' copied');
		return;
	}
	$('m-text').value = text;
	$('manual').showModal();
	$('m-text').select();
}

class Viewer {
	constructor(mount, chosen, marked) {
		this.mount = mount;
		this.dialog = $('viewer');
		this.stage = $('stage');
		this.chosen = chosen; // called with the index that is shown last
		this.marked = marked;
		this.jobs = [];
		this.index = -1;
		$('prev').onclick = () => this.step(-1);
		$('next').onclick = () => this.step(1);
		$('full').onclick = () => this.toggle_full();
		$('v-close').onclick = () => this.dialog.close();
		this.dialog.addEventListener('close', () => this.closed());
		this.dialog.addEventListener('keydown', (event) => this.key(event));
		document.addEventListener('fullscreenchange', () => this.screen_changed());
		this.swipe();
	}

	swipe() {
		let x = null;
		this.stage.addEventListener('touchstart',
			(e) => { x = e.touches.length === 1 ? e.touches[0].clientX : null; }, {passive: true});
		this.stage.addEventListener('touchend', (e) => {
			const way = x === null ? 0 : e.changedTouches[0].clientX - x;
			if (Math.abs(way) > 60)
				this.step(way < 0 ? 1 : -1);
		}, {passive: true});
	}

	open(jobs, index) {
		this.jobs = jobs;
		if (!this.dialog.open)
			this.dialog.showModal();
		this.show(index);
		$('stage').focus({preventScroll: true});
	}

	closed() {
		if (document.fullscreenElement)
			document.exitFullscreen().catch(() => {});
		this.set_full(false);
		$('v-picture').replaceChildren();
		this.chosen(this.index);
	}

	step(by) {
		const index = this.index + by;
		if (index >= 0 && index < this.jobs.length)
			this.show(index);
	}

	// --- full screen

	set_full(full) {
		this.dialog.classList.toggle('bare', full);
		$('full').setAttribute('aria-pressed', String(full));
	}

	screen_changed() {
		if (document.fullscreenElement !== this.stage)
			this.set_full(false);
		else if (!this.dialog.classList.contains('bare')) // left before it had come
			document.exitFullscreen().catch(() => {});
		// Nothing behind a full screen can have the focus, though the dialog is closed.
		if (!document.fullscreenElement && !this.dialog.open && document.activeElement === document.body)
			this.chosen(this.index);
	}

	toggle_full() {
		if (this.dialog.classList.contains('bare')) {
			if (document.fullscreenElement)
				document.exitFullscreen().catch(() => {});
			this.set_full(false);
			return;
		}
		this.set_full(true); // where the browser gives no screen, the picture alone fills the window
		this.stage.requestFullscreen?.().catch(() => {});
	}

	key(event) {
		if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('textarea'))
			return;
		const keys = {
			ArrowLeft: () => this.step(-1),
			ArrowRight: () => this.step(1),
			Home: () => this.show(0),
			End: () => this.show(this.jobs.length - 1),
			f: () => this.toggle_full(),
			c: () => this.marked(this.jobs[this.index]),
			Escape: () => this.dialog.classList.contains('bare') ? this.toggle_full() :
									       this.dialog.close(),
		};
		if (!keys[event.key])
			return;
		event.preventDefault();
		event.stopPropagation();
		keys[event.key]();
	}

	// --- what is shown

	show(index) {
		const job = this.jobs[this.index = index];
		const picture = $('v-picture');
		if (job.group === 'ready') {
			const img = make(
				'img', {alt: job.prompt || job.id, src: address(job.path), decoding: 'async'});
			img.onerror = () => picture.replaceChildren(
				make('p', {className: 'sorry'}, 'The picture cannot be opened.'));
			picture.replaceChildren(img);
		} else {
			picture.replaceChildren(make('div', {className: 'sorry'},
				job.group === 'running' ? make('i', {className: 'pulse'}) : icon('failed'),
				make('p', null, STATE_WORDS[job.state] || job.state)));
		}
		$('prev').disabled = index === 0;
		$('next').disabled = index === this.jobs.length - 1;
		$('v-name').textContent = job.id;
		$('v-place').textContent = `${number.format(index + 1)} of ${number.format(this.jobs.length)}`;
		$('v-prompt').textContent = job.prompt;
		this.show_error(job);
		this.show_stars(job);
		this.show_actions(job);
		this.show_facts(job);
		this.preload(index + 1);
		this.preload(index - 1);
	}

	preload(index) {
		const job = this.jobs[index];
		if (job && job.group === 'ready')
			new Image().src = address(job.path);
	}

	show_error(job) {
		const e = job.error;
		const texts = e ? [e.message, e.details, e.hint].filter(Boolean) : [];
		$('v-error').hidden = !e;
		$('v-error').replaceChildren(...texts.map((text) => make('span', {dir: 'auto'}, text)));
	}

	show_stars(job) {
		const label = `Rated ${job.rating} of 10`;
		const stars = job.rating ? [make('span', {role: 'img', 'aria-label': label}, stars_text(job.rating))] : [];
		$('v-stars').replaceChildren(...stars);
		$('v-tags').replaceChildren(...job.tags.map((tag) => make('li', {dir: 'auto'}, tag)));
		$('v-tags').hidden = !job.tags.length;
	}

	show_actions(job) {
		const button = (name, text, key, title, act) => {
			const element =
				make('button', {type: 'button', className: 'action', id: 'copy-' + key, title},
					icon(name), text);
			element.onclick = act;
			return element;
		};
		const copies = [
			button('copy', 'Prompt', 'prompt', 'Copy the prompt', () => copy(job.prompt, 'Prompt')),
			job.seed !== undefined ?
				button('copy', 'Seed', 'seed', 'Copy the seed', () => copy(job.seed, 'Seed')) :
				null,
			button('copy', 'Request as JSON', 'json', 'Copy the request as it was sent',
				() => copy(request_text(job), 'Request')),
		];
		const lines = [
			button('shell', 'Variation', 'variation',
				'Copy a shell line that asks for it again with a new seed',
				() => copy(variation_line(this.mount, job, new_seed()),
					'Shell line for a variation')),
			job.group === 'failed' && job.state !== 'invalid' && !job.earlier ?
				button('shell', 'Retry', 'retry', 'Copy a shell line that tries it again',
					() => copy(retry_line(this.mount, job), 'Shell line for a retry')) :
				null,
			job.path ? button('shell', job.group === 'running' ? 'Cancel' : 'Remove', 'remove',
					   job.group === 'running' ? 'Copy a shell line that cancels it' :
								     'Copy a shell line that removes it',
					   () => copy(remove_line(this.mount, job), 'Shell line for rm')) :
				   null,
		];
		const rest = [];
		if (job.group === 'ready')
			rest.push(button('compare', 'Compare', 'mark', 'Choose for a comparison (c)',
				() => this.marked(job)));
		if (job.path && job.group !== 'running')
			rest.push(make('a', {
				className: 'action',
				href: address(job.path),
				target: '_blank',
				rel: 'noopener',
			}, icon('open'), 'Open'));
		const group = (label, list) => make('div', {role: 'group', 'aria-label': label},
			make('span', {className: 'label'}, label), ...list.filter(Boolean));
		$('v-actions')
			.replaceChildren(group('Copy', copies), group('Copy a line for the shell', lines),
				make('div', null, ...rest));
	}

	show_facts(job) {
		const input = parse_input(job.input || '') || {};
		const size = job.width ? `${job.width} × ${job.height}` : '';
		const rows = [
			[
				'State',
				(STATE_WORDS[job.state] || job.state) +
					(job.earlier ? ', an earlier picture of this name' : '')
			],
			['When', job.time ? moment_format.format(job.time) : ''],
			['Model', job.model],
			[
				'LoRA',
				job.lora ? job.lora +
						(input.lora_scale !== undefined ?
								' at ' + value_text(input.lora_scale) :
								'') :
					   ''
			],
			['Seed', job.seed],
			['Size', [size, job.bytes ? bytes_text(job.bytes) : ''].filter(Boolean).join(', ')],
			['Made in', job.predict_time !== undefined ? seconds_text(job.predict_time) : ''],
			['Cost', job.cost !== undefined ? cost_text(job.cost) : ''],
			['Comment', job.comment !== job.prompt ? job.comment : ''],
			['File', job.path],
			['Prediction', job.prediction_id],
		];
		$('v-facts').replaceChildren(...rows.filter(([, value]) => value).flatMap(([name,
			value]) => [make('dt', null, name), make('dd', {dir: 'auto'}, String(value))]));
		let shown = job.input || '';
		try {
			shown = JSON.stringify(parse_input(shown), null, 2);
		} catch (error) {
			// as it is
		}
		$('v-request').textContent = shown;
		$('v-more').hidden = !job.input;
	}
}
