/** dependency-cruiser reads TypeScript with the compiler's JavaScript API, which version 7 no longer has: it gets version 6. */
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, next) => next(specifier.replace(/^typescript(?=$|\/)/, 'typescript-6'), context),
});
