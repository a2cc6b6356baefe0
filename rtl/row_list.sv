// row_list: the offsets of a listed transfer, read from the scratchpad, one kept ahead.
//   offset of plane p: 32 bits, little endian, at address + 4 * p
// Golden: accel_models.golden.transfer.row_list. Cycles: accel_models.row_lists. Asks for the first in the cycle after
// start_i, for the next in the cycle after take_i; an offset is there two cycles after the grant.
// Combinational path: ready_i -> error_o.
`default_nettype none
module row_list (
  input  wire logic        clk_i,
  input  wire logic        rst_ni,
  input  wire logic        start_i,         // of a transfer that has a list
  input  wire logic [19:0] address_i,       // taken with start_i
  input  wire logic [15:0] planes_i,
  output      logic        valid_o,         // scratchpad, four bytes
  input  wire logic        ready_i,
  output      logic [19:0] address_o,
  input  wire logic [31:0] data_i,          // in the cycle after the grant
  output      logic        error_o,         // an address left 20 bits
  output      logic        offset_valid_o,
  output      logic [31:0] offset_o,
  input  wire logic        take_i
);
  logic        asked_q, granted;
  logic [15:0] left_q;
  logic [20:0] address_q;

  assign valid_o   = left_q != '0 && !offset_valid_o && !asked_q;
  assign address_o = address_q[19:0];
  assign granted   = valid_o && ready_i;
  assign error_o   = granted && address_q[20];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      left_q         <= '0;
      asked_q        <= 1'b0;
      offset_valid_o <= 1'b0;
    end else begin
      asked_q <= granted;
      if (start_i) left_q <= planes_i;
      else if (granted) left_q <= left_q - 16'd1;
      if (asked_q) offset_valid_o <= 1'b1;
      else if (take_i) offset_valid_o <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) address_q <= {1'b0, address_i};
    else if (granted) address_q <= {1'b0, address_q[19:0]} + 21'd4;
    if (asked_q) offset_o <= data_i;
  end
endmodule
`default_nettype wire
