/** The data that queries run over: made up by rule, the same in every process. */
export interface Row {
  id: number;
  city: string;
  amount: number;
}

const CITIES = ['Aarhus', 'Bergen', 'Cork', 'Delft', 'Espoo'] as const;
export const ROW_COUNT = 1000;
export const columns = ['id', 'city', 'amount'] as const;
export const cities: readonly string[] = CITIES;

export const rows: readonly Row[] = Array.from({ length: ROW_COUNT }, (_, id) => ({
  id,
  city: CITIES[id % CITIES.length]!,
  amount: (id * 7919) % 1000,
}));
