import { fetch } from 'undici';

/** What a URL answers, as JSON, whatever its status. */
export const getJson = async (url: string): Promise<unknown> => (await fetch(url)).json();
