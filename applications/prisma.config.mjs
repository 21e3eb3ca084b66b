import { defineConfig } from 'prisma/config';

// Only migrations need the schema engine, which every command would download. Any program keeps it from that.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;
process.env.CHECKPOINT_DISABLE ??= '1';

export default defineConfig({ schema: 'schema.prisma' });
