import '../../media/panel.css';
import './study.css';
import { render } from 'preact';
import { StudyApp } from './studyApp.tsx';
import { connectStudy } from './studyHost.ts';

render(<StudyApp host={connectStudy()} />, document.getElementById('app') ?? document.body);
