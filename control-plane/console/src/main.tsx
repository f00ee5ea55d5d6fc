import { render } from 'preact';
import { App } from './app.tsx';
import { follow } from './live/stream.ts';
import './style.css';

const place = document.getElementById('app');
if (place) render(<App />, place);
follow().catch((error: unknown) => console.error(error));
