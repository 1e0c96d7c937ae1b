// What the person wishes to see, kept in the page's address; and the keys.

const NOTHING = {
	q: '',
	state: '',
	date: '',
	from: '',
	to: '',
	model: '',
	lora: '',
	size: '',
	rating: '',
	sort: 'newest'
};
const SELECTS = ['date', 'from', 'to', 'model', 'lora', 'size', 'rating', 'sort'];
const RELOADS = 30;

const data = (() => {
	try {
		return JSON.parse($('data').textContent);
	} catch (error) {
		return {mount: '', complete: true, jobs: [], broken: true};
	}
})();
const jobs = data.jobs.map(prepare);
const wish = {...NOTHING};

// A page from a file may keep nothing, and is told so by an exception.
const memory = {
	get(key) {
		try {
			return localStorage.getItem('pimagefs-' + key);
		} catch (error) {
			return null;
		}
	},
	set(key, value) {
		try {
			localStorage.setItem('pimagefs-' + key, value);
		} catch (error) {
			// only for as long as the page is open
		}
	},
};

const compare = new Compare(() => grid.refresh_marks());
const viewer = new Viewer(data.mount, (index) => grid.focus(index), (job) => compare.toggle(job));
const grid = new Grid($('grid'), (index) => viewer.open(grid.jobs, index), (job) => compare.toggle(job));
grid.marked = (job) => compare.has(job);

// --- the address

function read_address() {
	const kept = new URLSearchParams(location.hash.slice(1));
	for (const key of Object.keys(NOTHING))
		wish[key] = kept.get(key) ?? NOTHING[key];
	if (!ORDERS[wish.sort])
		wish.sort = NOTHING.sort;
}

function write_address() {
	const kept = new URLSearchParams();
	for (const [key, value] of Object.entries(wish))
		if (value !== NOTHING[key])
			kept.set(key, value);
	try {
		history.replaceState(null, '', String(kept) ? '#' + kept : location.pathname);
	} catch (error) {
		// then it is not kept over a reload
	}
}

// --- the filters

function options(id, list) {
	const select = $(id);
	select.replaceChildren(...list.map((entry) => entry.group ?
			make('optgroup', {label: entry.group}, ...entry.list.map(option)) :
			option(entry)));
	select.value = wish[id];
	if (select.value !== wish[id]) {
		wish[id] = NOTHING[id];
		select.value = wish[id];
	}
}

function option([value, text]) {
	return make('option', {value}, text);
}

// [[value, "value (count)"], ...], the most frequent first
function counted(of, text) {
	const counts = new Map();
	for (const job of jobs) {
		const value = of(job);
		if (value)
			counts.set(value, (counts.get(value) || 0) + 1);
	}
	const shown = ([value, n]) => [value, `${text ? text(value) : value} (${number.format(n)})`];
	return [...counts].sort((a, b) => b[1] - a[1]).map(shown);
}

function lora_name(weights) {
	return weights.replace(/^(https?:\/\/)?(www\.)?huggingface\.co\//, '').split('/').slice(0, 2).join('/');
}

function fill_filters() {
	options('date', [
		['', 'Any date'], ['today', 'Today'], ['yesterday', 'Yesterday'], ['week', 'Last 7 days'],
		['month', 'Last 30 days'], ['year', 'This year'], ['range', 'From … to …']
	]);
	options('model', [['', 'Any model'], ...counted((job) => job.model)]);
	const loras = counted((job) => job.lora, lora_name);
	options('lora', [['', 'Any LoRA'], ['none', 'Without LoRA'], ...loras]);
	options('size', [
		['', 'Any size'], ['landscape', 'Landscape'], ['portrait', 'Portrait'], ['square', 'Square'],
		{group: 'Pixels', list: counted(size_of).slice(0, 40)}
	]);
	options('rating', [
		['', 'Any rating'],
		...[10, 8, 6, 4, 2].map((n) => [String(n), stars_text(n) + (n < 10 ? ' or more' : '')]),
		['none', 'Not rated']
	]);
	options('sort', Object.entries(ORDERS).map(([key, [text]]) => [key, text]));
	$('from').value = wish.from;
	$('to').value = wish.to;
	$('q').value = wish.q;
}

function fill_states(matching) {
	const counts = {'': matching.length};
	for (const job of matching)
		counts[job.group] = (counts[job.group] || 0) + 1;
	const focused = $('states').contains(document.activeElement);
	$('states').replaceChildren(...Object.entries({'': 'All', ...GROUPS}).map(([key, text]) => {
		const chosen = wish.state === key;
		const button = make('button', {
			type: 'button',
			role: 'radio',
			'aria-checked': String(chosen),
			tabIndex: chosen ? 0 : -1,
			'data-state': key,
		}, text, make('span', {className: 'n'}, number.format(counts[key] || 0)));
		button.onclick = () => set({state: key});
		return button;
	}));
	if (focused)
		$('states').querySelector('[aria-checked=true]').focus();
}

function set(changes) {
	Object.assign(wish, changes);
	update();
}

function is_filtered() {
	return Object.keys(NOTHING).filter(
		(key) => key !== 'sort' && key !== 'q' && wish[key] !== NOTHING[key]);
}

// --- the page

let count_timer = 0;
let total = ''; // what is said when nothing is left out

function update() {
	const fits = matcher(wish, Date.now());
	const matching = jobs.filter(fits);
	const shown = wish.state ? matching.filter((job) => job.group === wish.state) : matching;
	shown.sort(ORDERS[wish.sort][1]);
	fill_states(matching);
	grid.show(shown, wish.sort === 'newest' || wish.sort === 'oldest');
	const filtered = is_filtered();
	$('range').hidden = wish.date !== 'range';
	$('clear').hidden = !filtered.length && !wish.q;
	$('tuned').hidden = !filtered.length;
	$('tuned').textContent = filtered.length;
	for (const id of ['date', 'model', 'lora', 'size', 'rating'])
		$(id).classList.toggle('set', wish[id] !== NOTHING[id]);
	clearTimeout(count_timer); // who types hears the end of it
	count_timer = setTimeout(() => {
		$('count').textContent = shown.length === jobs.length ?
			total :
			`${number.format(shown.length)} of ${number.format(jobs.length)}`;
	}, 150);
	show_nothing(shown);
	write_address();
}

function show_nothing(shown) {
	$('none').hidden = shown.length > 0;
	if (shown.length)
		return;
	const line = `echo "a red fox in the snow" > ${quote(data.mount + '/requests/fox')}`;
	if (data.broken)
		$('none').replaceChildren(make('h2', null, 'The list of pictures cannot be read'),
			make('p', null, 'Loading the page again may help.'));
	else if (jobs.length)
		$('none').replaceChildren(make('h2', null, 'Nothing fits'),
			make('p', null, 'Try fewer words, or clear the filters.'));
	else
		$('none').replaceChildren(make('h2', null, 'No pictures yet'),
			make('p', null, 'Write a prompt into a file:'), make('pre', {dir: 'ltr'}, line));
}

function show_title() {
	const n = {ready: 0, running: 0, failed: 0};
	for (const job of jobs)
		n[job.group]++;
	const name = data.mount.split('/').filter(Boolean).pop() || 'Gallery';
	$('title').textContent = name;
	$('title').dir = 'auto';
	$('title').title = data.mount;
	const parts = [
		many(n.ready, 'picture', 'pictures'),
		n.running ? number.format(n.running) + ' running' : '',
		data.complete ? '' : 'gathering more…',
	];
	total = parts.filter(Boolean).join(' · ');
	document.title = `${name}: ${many(n.ready, 'picture', 'pictures')}`;
}

// Of a large library that nobody has looked at lately the first page has the newest only; the rest
// is there a moment later.
function gather() {
	const [, n] = (window.name.match(/^pimagefs-(\d+)$/) || [0, 0]).map(Number);
	if (data.complete) {
		if (n)
			window.name = '';
		return;
	}
	if (n >= RELOADS)
		return;
	setTimeout(() => {
		if (document.querySelector('dialog[open]') || compare.pair.length)
			return;
		window.name = 'pimagefs-' + (n + 1);
		location.reload();
	}, 800);
}

// --- light and dark, size

const THEMES = {
	auto: 'as the system',
	light: 'light',
	dark: 'dark'
};

function set_theme(theme) {
	document.documentElement.dataset.theme = theme;
	$('theme').setAttribute('aria-label', 'Colours: ' + THEMES[theme]);
	$('theme').title = 'Colours: ' + THEMES[theme];
	memory.set('theme', theme);
}

function next_theme() {
	const keys = Object.keys(THEMES);
	set_theme(keys[(keys.indexOf(document.documentElement.dataset.theme) + 1) % keys.length]);
}

function set_height(height) {
	const range = $('height');
	range.value = height;
	grid.set_height(Number(range.value));
	memory.set('height', range.value);
}

// --- keys

function key(event) {
	if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]'))
		return;
	const typing = event.target.closest('input:not([type=range]), textarea, select');
	if (event.key === 'Escape' && (typing || wish.q)) {
		$('q').value = '';
		set({q: ''});
		document.activeElement.blur();
	} else if (typing) {
		if (event.target === $('q') && (event.key === 'ArrowDown' || event.key === 'Enter'))
			grid.focus(grid.current);
		else
			return;
	} else if (event.target.closest('[role=radiogroup]') && event.key.startsWith('Arrow')) {
		const keys = ['', ...Object.keys(GROUPS)];
		const step = event.key === 'ArrowRight' || event.key === 'ArrowDown' ? 1 : keys.length - 1;
		set({state: keys[(keys.indexOf(wish.state) + step) % keys.length]});
	} else if (event.target.closest('input[type=range]')) {
		return;
	} else if (!command(event)) {
		return;
	}
	event.preventDefault();
}

function command(event) {
	const commands = {
		'/': () => $('q').select(),
		'?': () => $('help').showModal(),
		r: () => location.reload(),
		f: () => {
			if (grid.jobs.length) {
				viewer.open(grid.jobs, grid.current);
				viewer.toggle_full();
			}
		},
		c: () => compare.toggle(grid.jobs[grid.current]),
		C: () => compare.open(),
		'+': () => set_height(grid.height + 40),
		'=': () => set_height(grid.height + 40),
		'-': () => set_height(grid.height - 40),
	};
	if (!commands[event.key])
		return grid.key(event);
	commands[event.key]();
	return true;
}

// --- begin

function listen() {
	document.addEventListener('keydown', key);
	addEventListener('hashchange', () => {
		read_address();
		fill_filters();
		update();
	});
	$('q').addEventListener('input', () => set({q: $('q').value}));
	for (const id of SELECTS)
		$(id).addEventListener('change', () => set({[id]: $(id).value}));
	$('clear').onclick = () => {
		Object.assign(wish, NOTHING, {sort: wish.sort});
		fill_filters();
		update();
	};
	$('tune').onclick = () => {
		$('tune').setAttribute('aria-expanded', String($('filters').classList.toggle('open')));
		scrollTo(0, 0);
	};
	$('height').addEventListener('input', () => set_height(Number($('height').value)));
	$('again').onclick = () => location.reload();
	$('theme').onclick = next_theme;
	$('help-open').onclick = () => $('help').showModal();
	for (const [button, dialog] of [['h-close', 'help'], ['m-close', 'manual']])
		$(button).onclick = () => $(dialog).close();
	for (const dialog of document.querySelectorAll('dialog'))
		dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
}

set_theme(THEMES[memory.get('theme')] ? memory.get('theme') : 'auto');
grid.height = Number(memory.get('height')) || 230;
$('height').value = grid.height;
read_address();
fill_filters();
listen();
show_title();
update();
gather();
