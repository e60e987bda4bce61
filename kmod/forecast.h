/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_FORECAST_H
#define AINKA_FORECAST_H

struct ainka_prediction;

int ainka_forecast(const char *signal, struct ainka_prediction *prediction);
void ainka_forecast_exit(void);

#endif
