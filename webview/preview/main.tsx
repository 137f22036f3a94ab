import '../ui/language.ts';
import '../../media/panel.css';
import './preview.css';
import { render } from 'preact';
import { connectPreview } from './previewHost.ts';
import { PreviewApp } from './previewApp.tsx';

render(<PreviewApp host={connectPreview()} />, document.getElementById('app') ?? document.body);
