// The treasury's functions and tables with what they should refuse.
process.env.BAD_INPUT_SYSTEMS = 'treasury';
await import('./bad-input.test.mjs');
