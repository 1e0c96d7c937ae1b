// The jobs of the mount, and which of them are shown in what order.

const RUNNING = new Set(['draft', 'queued', 'creating', 'processing', 'downloading']);
const STATE_WORDS = {
	draft: 'being written',
	queued: 'in the queue',
	creating: 'being asked for',
	processing: 'being made',
	downloading: 'being fetched',
	ready: 'ready',
	failed: 'failed',
	invalid: 'refused',
	held: 'held',
	cancelled: 'cancelled',
};
const GROUPS = {
	ready: 'Ready',
	running: 'Running',
	failed: 'Failed'
};

function group_of(state) {
	return state === 'ready' ? 'ready' : RUNNING.has(state) ? 'running' : 'failed';
}

// The browser's NFKD takes accents from their letters, so that "cafe" finds "café".
function fold(text) {
	return text.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase();
}

function shape_of(job, input) {
	if (job.width && job.height)
		return job.width / job.height;
	if (input && input.width && input.height)
		return Number(value_text(input.width)) / Number(value_text(input.height)) || 1;
	const pair =
		input && typeof input.aspect_ratio === 'string' && input.aspect_ratio.match(/^(\d+):(\d+)$/);
	return pair ? pair[1] / pair[2] : 16 / 9;
}

function prepare(job) {
	const text = job.input || '';
	const needs = text.includes('"lora_weights"') || !job.width;
	const input = needs ? parse_input(text) : null;
	job.prompt = job.prompt || '';
	job.group = group_of(job.state);
	job.lora = input && typeof input.lora_weights === 'string' ? input.lora_weights : '';
	job.shape = job.group === 'failed' ? 1.2 : Math.min(3, Math.max(0.4, shape_of(job, input)));
	job.time = Date.parse(job.completed_at || job.submitted_at || job.created_at) || 0;
	job.day = start_of_day(job.time);
	job.tags = Array.isArray(job.tags) ? job.tags.map(String) : [];
	job.rating = typeof job.rating === 'number' ? Math.max(0, Math.min(10, Math.round(job.rating))) : 0;
	job.hay = null;
	return job;
}

function hay_of(job) {
	if (job.hay === null)
		job.hay = fold([
			job.prompt, job.id, job.model, job.lora, job.seed, job.tags.join(' '), job.comment,
			job.prediction_id
		].filter(Boolean).join('\n'));
	return job.hay;
}

// --- search and filters

// [{ text, without }] of: words "words together" -without
function parse_search(text) {
	const terms = [];
	for (const [, minus, together, word] of fold(text).matchAll(/(-?)(?:"([^"]*)"?|(\S+))/g)) {
		const term = together !== undefined ? together : word;
		if (term)
			terms.push({text: term, without: minus === '-'});
	}
	return terms;
}

function start_of_day(time) {
	return new Date(time).setHours(0, 0, 0, 0);
}

function day_before(time, days) {
	const date = new Date(time);
	date.setDate(date.getDate() - days);
	return date.setHours(0, 0, 0, 0);
}

// [from, to) in milliseconds; null: any.
function span_of(wish, now) {
	const today = start_of_day(now);
	switch (wish.date) {
	case 'today':
		return [today, Infinity];
	case 'yesterday':
		return [day_before(now, 1), today];
	case 'week':
		return [day_before(now, 6), Infinity];
	case 'month':
		return [day_before(now, 29), Infinity];
	case 'year':
		return [new Date(new Date(now).getFullYear(), 0, 1).getTime(), Infinity];
	case 'range': {
		const from = wish.from ? new Date(wish.from + 'T00:00').getTime() : -Infinity;
		const to = wish.to ? new Date(wish.to + 'T00:00') : null;
		if (to)
			to.setDate(to.getDate() + 1);
		return [from, to ? to.getTime() : Infinity];
	}
	default:
		return null;
	}
}

function size_of(job) {
	return job.width && job.height ? job.width + '×' + job.height : '';
}

function form_of(job) {
	return job.shape > 1.05 ? 'landscape' : job.shape < 0.95 ? 'portrait' : 'square';
}

const names = new Intl.Collator(undefined, {numeric: true});
const newest_first = (a, b) => b.time - a.time || b.number - a.number;
const ORDERS = {
	newest: ['Newest first', newest_first],
	oldest: ['Oldest first', (a, b) => -newest_first(a, b)],
	name: ['By name', (a, b) => names.compare(a.id, b.id) || newest_first(a, b)],
	rating: ['Best rated', (a, b) => b.rating - a.rating || newest_first(a, b)],
	pixels: [
		'Most pixels',
		(a, b) => (b.width || 0) * (b.height || 0) - (a.width || 0) * (a.height || 0) ||
			newest_first(a, b)
	],
	slow: ['Longest made', (a, b) => (b.predict_time || 0) - (a.predict_time || 0) || newest_first(a, b)],
};

function fits_rating(job, wish) {
	return wish === 'none' ? !job.rating : job.rating >= Number(wish);
}

// All but the state: the counts beside the states are of these.
function matcher(wish, now) {
	const terms = parse_search(wish.q);
	const span = span_of(wish, now);
	return (job) => (!span || (job.time >= span[0] && job.time < span[1])) &&
		(!wish.model || job.model === wish.model) &&
		(!wish.lora || (wish.lora === 'none' ? !job.lora : job.lora === wish.lora)) &&
		(!wish.size || size_of(job) === wish.size || form_of(job) === wish.size) &&
		(!wish.rating || fits_rating(job, wish.rating)) &&
		terms.every((term) => hay_of(job).includes(term.text) !== term.without);
}
