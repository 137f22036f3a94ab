import '../ui/language.ts';
import '../../media/panel.css';
import { render } from 'preact';
import { App } from './app.tsx';
import { connectHost } from './host.ts';

render(<App host={connectHost()} />, document.getElementById('app') ?? document.body);
