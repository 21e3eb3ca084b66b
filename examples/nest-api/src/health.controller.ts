import { Controller, Get, Inject } from '@nestjs/common';
import type { LiveEnforcer } from 'casbin-bootstrap';
import { LIVE_ENFORCER, Public } from 'casbin-bootstrap/nestjs';

@Controller('health')
export class HealthController {
  constructor(@Inject(LIVE_ENFORCER) private readonly live: LiveEnforcer) {}

  /** Healthy is an instance that can ask the database, and decides on what it holds by now. */
  @Public()
  @Get()
  async show() {
    await this.live.caughtUp();
    return { ok: true };
  }
}
