import '../ui/language.ts';
import '../../media/panel.css';
import './lab.css';
import '../study/study.css';
import { render } from 'preact';
import { StudyApp } from '../study/studyApp.tsx';
import { connectStudy } from '../study/studyHost.ts';
import { LabApp } from './labApp.tsx';
import { connectLab } from './labHost.ts';

/** One bundle for both pages, which share most of their code. */
const root = document.getElementById('app') ?? document.body;
render(root.dataset.page === 'study' ? <StudyApp host={connectStudy()} /> : <LabApp host={connectLab()} />, root);
