// vector_pkg: what the blocks of the vector engine tell each other; the commands are those of accel_models.commands.
`default_nettype none
package vector_pkg;
  // A module uses some of these, not all.
  // verilator lint_off UNUSEDPARAM
  localparam logic [2:0] KindRequantize = 3'd0;  // the value that enters the requantizer: a sum of the accumulators
  localparam logic [2:0] KindRange      = 3'd1;  //   the same, its largest absolute value goes into a register
  localparam logic [2:0] KindAdd        = 3'd2;  //   a
  localparam logic [2:0] KindMultiply   = 3'd3;  //   (a - zero_a) * (b - zero_b)
  localparam logic [2:0] KindRescale    = 3'd4;  //   a - zero_a
  localparam logic [2:0] KindMaximum    = 3'd5;  //   the largest of the window
  localparam logic [2:0] KindAverage    = 3'd6;  //   the sum of the window
  localparam logic [2:0] KindSet        = 3'd7;  //   none
  // verilator lint_on UNUSEDPARAM

  // A command as all blocks see it: loops, operands, factors, output. Where a class has no such field, a neutral value.
  typedef struct packed {
    logic  [2:0] kind;
    logic        empty;        // nothing to go over: ends at once
    logic        illegal;      // a field that golden refuses
    logic        reads;        // operands come from the scratchpad: the window, or the residual
    logic        second;       // the window's second column is operand b
    logic        sums;         // operands come from the accumulators
    logic        per_channel;  // factors come from the parameter block
    logic        add;          // the second stage adds b
    logic        table_used;
    logic        to_register;  // the result is a scalar
    logic [11:0] height;
    logic [11:0] width;
    logic [15:0] columns;
    logic  [7:0] kernel_height;
    logic  [7:0] kernel_width;
    logic [19:0] input_address;       // operand a, window or residual
    logic [19:0] input_row_stride;
    logic [15:0] input_pixel_stride;
    logic [15:0] input_height;
    logic [15:0] input_width;
    logic [15:0] origin_y;            // signed
    logic [15:0] origin_x;
    logic  [7:0] stride_y;
    logic  [7:0] stride_x;
    logic [19:0] b_address;
    logic [19:0] b_row_stride;
    logic [15:0] b_pixel_stride;
    logic [19:0] output_address;
    logic [19:0] output_row_stride;
    logic [15:0] output_pixel_stride;
    logic [11:0] accumulator;
    logic [19:0] parameters;
    logic [19:0] table_address;
    logic [31:0] bias;                // factors of the requantizer, unless per channel
    logic [30:0] mult;
    logic  [5:0] shift;
    logic        double_rounding;
    logic  [7:0] zero_point;
    logic  [7:0] low;
    logic  [7:0] high;
    logic  [7:0] zero_a;              // of operand a, or of the requantizer's result where the add follows it
    logic  [7:0] zero_b;
    logic [30:0] mult_a;              // factors of the add
    logic [30:0] mult_b;
    logic  [5:0] add_shift;
    logic  [7:0] add_zero;
    logic  [7:0] add_low;
    logic  [7:0] add_high;
    logic  [4:0] destination;
    logic [31:0] value;               // of an immediate; of a range over nothing
  } settings_t;

  // One step of the loop nest on its way through the pipeline.
  typedef struct packed {
    logic valid;
    logic read;       // the scratchpad gives a vector for it; else the tap is outside the image, or there is none
    logic first;      // first tap of a window
    logic emit;       // last tap of a window: a value goes on
    logic row_end;    // last pixel of a row, of a group, of the command
    logic group_end;
    logic last;
  } step_t;
endpackage
`default_nettype wire
