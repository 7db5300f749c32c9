import { useEffect, useState } from 'preact/hooks';

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const told = () => setMatches(list.matches);
    told();
    list.addEventListener('change', told);
    return () => list.removeEventListener('change', told);
  }, [query]);
  return matches;
}
