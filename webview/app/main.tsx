import '../ui/language.ts';
import '../../media/panel.css';
import { render } from 'preact';
import { formatDate } from '../ui/format.ts';
import { App } from './app.tsx';
import { connectHost } from './host.ts';

/* While the host reads the run: what the first picture needs and takes long to make. */
setTimeout(() => formatDate(new Date(0).toISOString()));

render(<App host={connectHost()} />, document.getElementById('app') ?? document.body);
