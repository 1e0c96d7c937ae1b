// Texts: what is shown, and what is copied. All of it goes into the page as text, never as markup.

const $ = (id) => document.getElementById(id);

// make('p', { className: 'x', dir: 'auto' }, child, 'text', ...)
function make(name, properties, ...children) {
	const element = document.createElement(name);
	for (const [key, value] of Object.entries(properties || {}))
		if (key in element && !key.includes('-'))
			element[key] = value;
		else
			element.setAttribute(key, value);
	element.append(...children.filter((child) => child !== null && child !== undefined));
	return element;
}

function icon(name) {
	const space = 'http://www.w3.org/2000/svg';
	const svg = document.createElementNS(space, 'svg');
	const use = document.createElementNS(space, 'use');
	svg.setAttribute('class', 'icon');
	svg.setAttribute('aria-hidden', 'true');
	use.setAttribute('href', '#i-' + name);
	svg.append(use);
	return svg;
}

// A file of the mount, as an address relative to the page.
function address(path) {
	return path.split('/').map(encodeURIComponent).join('/');
}

const number = new Intl.NumberFormat();
const day_format =
	new Intl.DateTimeFormat(undefined, {weekday: 'long', day: 'numeric', month: 'long', year: 'numeric'});
const month_format = new Intl.DateTimeFormat(undefined, {month: 'long', year: 'numeric'});
const moment_format = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'medium'});

function bytes_text(bytes) {
	if (bytes < 1024)
		return bytes + ' B';
	if (bytes < 1024 * 1024)
		return Math.round(bytes / 1024) + ' KiB';
	return (bytes / 1024 / 1024).toFixed(1) + ' MiB';
}

function seconds_text(s) {
	return s < 60 ? Number(s.toFixed(s < 10 ? 2 : 1)) + ' s' :
			Math.floor(s / 60) + ' min ' + Math.round(s % 60) + ' s';
}

function cost_text(usd) {
	return '$' + Number(usd.toFixed(6));
}

function many(n, one, more) {
	return number.format(n) + ' ' + (n === 1 ? one : more);
}

// The stars of a rating from 0 to 10, for the eye; and for the ear.
function stars_text(rating) {
	return '★'.repeat(Math.floor(rating / 2)) + (rating % 2 ? '½' : '') +
		'☆'.repeat(Math.floor((10 - rating) / 2));
}

// --- requests, as they were sent

// Numbers keep every digit where the browser can (a seed may have 19 of them).
function keep_digits(key, value, context) {
	const digits = typeof value === 'number' && context && context.source;
	return digits && JSON.rawJSON ? JSON.rawJSON(digits) : value;
}

function parse_input(text) {
	try {
		const input = JSON.parse(text, keep_digits);
		return input && typeof input === 'object' ? input : null;
	} catch (error) {
		return null;
	}
}

function value_text(value) {
	if (value === undefined)
		return '';
	return typeof value === 'string' ? value : JSON.stringify(value);
}

// What a terminal could take for a command, or a person read in another order, is spelt out.
function plain_json(text) {
	return text.replace(/[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
		(c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
}

// The create body; seed: another one, as digits.
function request_text(job, seed) {
	let input = job.input || JSON.stringify({prompt: job.prompt || ''});
	if (seed !== undefined) {
		const object = parse_input(input) || {prompt: job.prompt || ''};
		object.seed = Number(seed);
		input = JSON.stringify(object);
	}
	return job.model ? '{"model":' + JSON.stringify(job.model) + ',"input":' + input + '}' : input;
}

// --- lines for a shell

function quote(text) {
	return "'" + text.replace(/'/g, "'\\''") + "'";
}

function new_seed() {
	return String(crypto.getRandomValues(new Uint32Array(1))[0] >>> 1);
}

// A name has at most 245 bytes.
function shorten(name, most) {
	const letters = [...name];
	const coder = new TextEncoder();
	while (coder.encode(letters.join('')).length > most)
		letters.pop();
	return letters.join('');
}

function variation_line(mount, job, seed) {
	const cut = job.id.lastIndexOf('/') + 1;
	const folder = mount + '/requests/' + job.id.slice(0, cut);
	const name = shorten(job.id.slice(cut), 220) + '-' + seed + '.json';
	const make_folder = cut ? 'mkdir -p ' + quote(folder) + ' && ' : '';
	return make_folder + "printf '%s\\n' " + quote(plain_json(request_text(job, seed))) + ' > ' +
		quote(folder + name);
}

function remove_line(mount, job) {
	return 'rm ' + quote(mount + '/' + job.path);
}

function retry_line(mount, job) {
	return 'echo ' + quote('retry ' + job.id) + ' > ' + quote(mount + '/control/ctl');
}

// --- the differences of two texts, word by word: [kind, text] with kind ' ', '-' or '+'

function word_differences(a, b) {
	const x = a.match(/\s+|[^\s]+/g) || [], y = b.match(/\s+|[^\s]+/g) || [];
	if (x.length * y.length > 400000)
		return [['-', a], ['+', b]];
	const length = Array.from({length: x.length + 1}, () => new Uint16Array(y.length + 1));
	for (let i = x.length - 1; i >= 0; i--)
		for (let j = y.length - 1; j >= 0; j--)
			length[i][j] = x[i] === y[j] ? length[i + 1][j + 1] + 1 :
						       Math.max(length[i + 1][j], length[i][j + 1]);
	const out = [];
	const put = (kind, text) => {
		if (out.length && out[out.length - 1][0] === kind)
			out[out.length - 1][1] += text;
		else
			out.push([kind, text]);
	};
	let i = 0, j = 0;
	while (i < x.length || j < y.length)
		if (i < x.length && j < y.length && x[i] === y[j]) {
			put(' ', x[i++]);
			j++;
		} else if (i < x.length && (j === y.length || length[i + 1][j] >= length[i][j + 1]))
			put('-', x[i++]);
		else
			put('+', y[j++]);
	return out;
}
