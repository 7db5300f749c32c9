import { render } from 'preact';
import { App } from './app.js';
import './style/base.css';
import './style/layout.css';
import './style/parts.css';
import './style/narrow.css';

render(<App />, document.getElementById('page')!);
