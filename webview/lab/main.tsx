import '../ui/language.ts';
import '../../media/panel.css';
import './lab.css';
import '../study/study.css';
import { render } from 'preact';
import { StudyApp } from '../study/studyApp.tsx';
import { connectStudy } from '../study/studyHost.ts';
import '../comparison/comparison.css';
import { ComparisonApp } from '../comparison/comparisonApp.tsx';
import { connectComparison } from '../comparison/comparisonHost.ts';
import '../lesson/lesson.css';
import { LessonApp } from '../lesson/lessonApp.tsx';
import { connectLesson } from '../lesson/lessonHost.ts';
import { LabApp } from './labApp.tsx';
import { connectLab } from './labHost.ts';

/** One bundle for these pages, which share most of their code. */
const root = document.getElementById('app') ?? document.body;
switch (root.dataset.page ?? 'lab') {
  case 'study':
    render(<StudyApp host={connectStudy()} />, root);
    break;
  case 'lesson':
    render(<LessonApp host={connectLesson()} />, root);
    break;
  case 'comparison':
    render(<ComparisonApp host={connectComparison()} />, root);
    break;
  default:
    render(<LabApp host={connectLab()} />, root);
}
