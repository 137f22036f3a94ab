import '../../media/panel.css';
import './lab.css';
import { render } from 'preact';
import { LabApp } from './labApp.tsx';
import { connectLab } from './labHost.ts';

render(<LabApp host={connectLab()} />, document.getElementById('app') ?? document.body);
