/** The system's; playwright-core downloads none. */
export const CHROMIUM = '/usr/bin/chromium';
