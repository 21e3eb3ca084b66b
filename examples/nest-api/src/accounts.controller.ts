import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { Requires } from 'casbin-bootstrap/nestjs';

@Controller('accounts')
@Requires('accounts', 'read')
export class AccountsController {
  #count = 0;

  @Get()
  list() {
    return { accounts: this.#count };
  }

  /** Needs both: what is said of the controller, and what is said here. */
  @Post()
  @HttpCode(201)
  @Requires('accounts', 'write')
  add() {
    this.#count += 1;
    return { accounts: this.#count };
  }
}
